//! Parts of the gallery that every page stands on: drawings, buttons, fields, lines that lead somewhere.

use crate::components::*;
use crate::{Html, Lang, msg};

pub(super) fn all(lang: Lang) -> Html {
    Html::concat([
        laid_out(Layout::Two, [links(lang), buttons(lang)]),
        laid_out(Layout::Two, [fields(lang), whole_form(lang)]),
        icons(lang),
    ])
}

fn links(lang: Lang) -> Html {
    let mut unread = LinkItem::new(Icon::Shield, lang.t(msg::NOTICE_RECORD_OPENED), "/ui").detail("18/03/2026 08:40");
    unread.is_new = true;
    let items = vec![
        LinkItem::new(Icon::Check, lang.t(msg::WORK_CERTIFICATES_SIGN), "/ui")
            .detail(lang.fmt(msg::WORK_LATE, &[("when", "18/03/2026 08:40")]))
            .note(chip(Tone::Bad, "3")),
        LinkItem::new(Icon::Medicine, lang.t(msg::WORK_PRESCRIPTIONS_SIGN), "/ui").note(chip(Tone::Info, "12")),
        LinkItem::new(Icon::Person, "NGUYỄN THỊ MỘT", "/ui").detail("1962 · 64 tuổi · Nữ · 046162•••217"),
        unread,
    ];
    let all = Some((lang.fmt(msg::FIND_PEOPLE_ALL, &[("query", "nguyen")]), "/ui".to_owned()));
    Card::new(lang.t(msg::WORK), Links { title: lang.t(msg::FIND_PEOPLE).to_owned(), items, all }).into()
}

fn buttons(lang: Lang) -> Html {
    let mut danger = Button::submit(lang.t(msg::REVIEW_UNDO)).icon(Icon::Undo);
    danger.danger = true;
    let all = [
        Button::primary(lang.t(msg::SAVE)),
        Button::submit(lang.t(msg::DETAILS)),
        Button::link(lang.t(msg::BACK), "/ui").icon(Icon::Previous),
        Button::choosing(lang.t(msg::APPLY), "next"),
        danger,
    ];
    let body =
        [laid_out(Layout::Row, all.map(Html::from)), line(lang.t(msg::WORK_LEAD)), muted(lang.t(msg::WORK_NONE_DO))];
    Card::new(lang.t(msg::CONFIRM), stack(body)).into()
}

/// Every kind of field, and each with what is wrong.
fn fields(lang: Lang) -> Html {
    let choices = || {
        vec![("1".to_owned(), lang.t(msg::LOOK_LIGHT).to_owned()), ("2".to_owned(), lang.t(msg::LOOK_DARK).to_owned())]
    };
    let kinds = [
        (msg::NAME, FieldKind::Text, "Đỗ Thị Thu"),
        (msg::PASSWORD, FieldKind::Password, ""),
        (msg::SEARCH, FieldKind::Search, "nguyen"),
        (msg::BIRTH_YEAR, FieldKind::Digits, "1962"),
        (msg::BORN, FieldKind::Date, "1962-06-01"),
        (msg::PERIOD_MONTH, FieldKind::Month, "2026-03"),
        (msg::NOTE, FieldKind::Lines, "…"),
        (msg::LOOK_THEME, FieldKind::Choice(choices()), "2"),
        (msg::DESK_PAPER_FILE, FieldKind::File(".pdf"), ""),
    ];
    let all = kinds.into_iter().enumerate().flat_map(|(n, (label, kind, value))| {
        let field = Field::new(format!("more-{n}"), lang.t(label), kind).value(value);
        let wrong = Field { nth: "-wrong".to_owned(), ..field.clone() }.error(lang.t(msg::DATE_WRONG));
        [field.html(lang), wrong.html(lang)]
    });
    Card::new(lang.t(msg::DETAILS), stack(all)).into()
}

fn whole_form(lang: Lang) -> Html {
    let themes = vec![("1".to_owned(), lang.t(msg::LOOK_THEME).to_owned())];
    let fields = [
        Field::new("form-name", lang.t(msg::NAME), FieldKind::Text).required().error(lang.t(msg::DATE_WRONG)),
        Field::new("form-born", lang.t(msg::BORN), FieldKind::Date).hint(lang.t(msg::DATE_HINT)),
        Field::new("form-theme", lang.t(msg::LOOK_THEME), FieldKind::Choice(themes)).to_choose(lang),
    ];
    let form = field_form(
        lang,
        "/ui",
        (lang.t(msg::GALLERY_LEAD), Vec::new()),
        &fields,
        [Button::submit(lang.t(msg::SAVE)).into()],
    );
    Card::new(lang.t(msg::PERSON), form).into()
}

fn icons(lang: Lang) -> Html {
    let all = Icon::ALL.iter().map(|icon| Html::template(&Named { icon: *icon }));
    Card::new(lang.t(msg::NAV_COMPONENTS), laid_out(Layout::Row, all)).into()
}

#[derive(askama::Template)]
#[template(source = "<span class=\"chip\">{{ icon }}{{ icon.id() }}</span>", ext = "html")]
struct Named {
    icon: Icon,
}
