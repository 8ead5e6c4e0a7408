//! The part of the page that works without a network: where its script finds what it shows, in the reader's language.

use askama::Template;
use mach_ui::components::{Card, Notice, Tone};
use mach_ui::{Html, Lang, assets, msg};

/// What the page needs beside itself; kept by the browser together, so that a page and its script are of one version.
const KEPT: [&str; 6] = ["verify.js", "decode.js", "app.css", "app.js", "icons.svg", "brand.svg"];

#[derive(Template)]
#[template(path = "offline.html")]
struct Part {
    lang: Lang,
    words: String,
    keep: String,
    decoder: String,
    notices: Vec<(&'static str, Html)>,
    card: Html,
}

#[derive(Template)]
#[template(path = "answer.html")]
struct Answer {
    parts: Vec<Html>,
}

#[derive(Template)]
#[template(path = "script.html")]
struct Script {
    address: String,
}

/// The words of the script. The same messages as the server's answer: [`crate::words`].
fn words(lang: Lang) -> String {
    let plain = [
        ("good", msg::VERIFY_GOOD),
        ("bad", msg::VERIFY_BAD),
        ("other", msg::VERIFY_OTHER_ISSUER),
        ("altered", msg::VERIFY_ALTERED),
        ("over", msg::VERIFY_CODE_OVER),
        ("toCome", msg::VERIFY_CODE_TO_COME),
        ("withdrawn", msg::VERIFY_WITHDRAWN),
        ("malformed", msg::VERIFY_WHY_MALFORMED),
        ("large", msg::VERIFY_WHY_LARGE),
        ("unsupported", msg::VERIFY_WHY_UNSUPPORTED),
        ("false", msg::VERIFY_WHY_FALSE),
        ("refused", msg::VERIFY_WHY_REFUSED),
        ("signer", msg::VERIFY_SIGNER),
        ("organisation", msg::VERIFY_ORGANISATION),
        ("issuer", msg::VERIFY_ISSUER),
        ("said", msg::VERIFY_SAID),
        ("proved", msg::VERIFY_PROVED),
        ("notProved", msg::VERIFY_NOT_PROVED),
        ("integrity", msg::VERIFY_INTEGRITY),
        ("whole", msg::VERIFY_WHOLE),
        ("then", msg::VERIFY_THEN),
        ("now", msg::VERIFY_NOW),
        ("scheme", msg::VERIFY_SCHEME),
        ("unknown", msg::VERIFY_UNKNOWN),
        ("valid", msg::VERIFY_VALID),
        ("unchecked", msg::VERIFY_VALID_UNCHECKED),
        ("notYet", msg::VERIFY_NOT_YET),
        ("expired", msg::VERIFY_EXPIRED),
        ("untrusted", msg::VERIFY_UNTRUSTED),
        ("wrongUse", msg::VERIFY_WRONG_USE),
        ("content", msg::VERIFY_CONTENT),
        ("paperOpen", msg::VERIFY_PAPER_UNFINISHED),
        ("codeIssuer", msg::VERIFY_CODE_ISSUER),
        ("codeIssued", msg::VERIFY_CODE_ISSUED),
        ("codeExpires", msg::VERIFY_CODE_EXPIRES),
        ("notCurrent", msg::VERIFY_CODE_NOT_CURRENT),
        ("ready", msg::VERIFY_LOCAL_READY),
        ("none", msg::VERIFY_LOCAL_NONE),
        ("key", msg::VERIFY_LOCAL_KEY),
        ("otherKey", msg::VERIFY_LOCAL_OTHER_KEY),
        ("falseList", msg::VERIFY_LOCAL_FALSE),
        ("file", msg::VERIFY_LOCAL_FILE),
        ("image", msg::VERIFY_LOCAL_IMAGE),
        ("notSigned", msg::VERIFY_LOCAL_NOT_SIGNED),
        ("cannot", msg::VERIFY_LOCAL_CANNOT),
        ("camera", msg::VERIFY_CAMERA),
        ("cameraStop", msg::VERIFY_CAMERA_STOP),
        ("cameraNone", msg::VERIFY_CAMERA_NONE),
    ];
    let filled = [
        ("unreadable", lang.fmt(msg::VERIFY_UNREADABLE, &[("why", "{0}")])),
        ("signature", lang.fmt(msg::VERIFY_SIGNATURE, &[("n", "1")])),
        ("wrong", lang.fmt(msg::VERIFY_FALSE, &[("why", "{0}")])),
        ("revoked", lang.fmt(msg::VERIFY_REVOKED, &[("when", "{0}")])),
        ("paperRevoked", lang.fmt(msg::VERIFY_PAPER_REVOKED, &[("when", "{0}")])),
        ("paperReplaced", lang.fmt(msg::VERIFY_PAPER_REPLACED, &[("when", "{0}")])),
        ("list", lang.fmt(msg::VERIFY_LOCAL_LIST, &[("when", "{0}"), ("until", "{1}")])),
        ("old", lang.fmt(msg::VERIFY_LOCAL_OLD, &[("when", "{0}")])),
        ("clock", lang.fmt(msg::VERIFY_LOCAL_CLOCK, &[("when", "{0}")])),
        ("asOf", lang.fmt(msg::VERIFY_LOCAL_AS_OF, &[("when", "{0}")])),
    ];
    let all = plain.into_iter().map(|(name, m)| (name, lang.t(m).to_owned())).chain(filled);
    serde_json::Value::Object(all.map(|(name, text)| (name.to_owned(), text.into())).collect()).to_string()
}

/// The part: hidden until its script runs.
pub fn part(lang: Lang) -> Html {
    let tones = [("good", Tone::Good), ("warning", Tone::Warning), ("bad", Tone::Bad), ("info", Tone::Info)];
    Html::template(&Part {
        lang,
        words: words(lang),
        keep: KEPT.map(assets::url).join(" "),
        decoder: assets::url("decode.js"),
        notices: tones.map(|(name, tone)| (name, Notice::new(lang, tone, "·").into())).into(),
        card: Card::new("·", Html::EMPTY).into(),
    })
}

/// What was found, where the script puts what it finds, too.
pub fn answer(parts: Vec<Html>) -> Html {
    Html::template(&Answer { parts })
}

/// The script, after all it works on.
pub fn script() -> Html {
    Html::template(&Script { address: assets::url("verify.js") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there() {
        for name in KEPT {
            assert!(!assets::url(name).is_empty(), "{name}");
        }
        let page = part(Lang::Vi);
        assert!(page.as_str().contains("hidden") && !page.as_str().contains("<style"), "{}", page.as_str());
    }
}
