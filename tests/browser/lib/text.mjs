// Reading what a page says.

/** The number in a Vietnamese text: `1.234.567 lượt` is 1234567, `4,5 %` is 4.5. Null where there is none. */
export function number(text) {
  const found = /[-−]?\d{1,3}(?:\.\d{3})+(?:,\d+)?|[-−]?\d+(?:,\d+)?/.exec(text.replaceAll("\u00a0", " "));
  return found ? Number(found[0].replaceAll(".", "").replace(",", ".").replace("−", "-")) : null;
}

/** Lower case without accents: what a search folds to. */
export function fold(text) {
  return text.toLowerCase().replaceAll("đ", "d").normalize("NFD").replace(/[\u0300-\u036f]/g, "");
}
