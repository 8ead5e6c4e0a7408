// Finds a QR code in a picture; loaded only where the browser has no detector of its own.
import decodeQR from "qr/decode.js";

/** The text of the code in the picture; nothing where none was found. */
export function decode(image: { data: Uint8ClampedArray; width: number; height: number }, patience: number): string | undefined {
  try {
    return decodeQR(image, { timeLimit: patience, effort: 8 });
  } catch {
    return undefined;
  }
}
