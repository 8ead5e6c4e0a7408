//! The pages of the house by name: the rail of a role, and what the search finds of them.

use mach_access::{Act, Actor, decide};
use mach_base::text::fold;
use mach_ui::components::Icon;
use mach_ui::shell::{NavGroup, NavItem};
use mach_ui::{Lang, Msg, msg};

/// A page, or an act that begins with one.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What one must be allowed.
    pub act: Act,
    /// What opens it as well.
    or: Option<Act>,
    /// What it is called.
    pub label: Msg,
    /// Its address.
    pub href: &'static str,
    /// Its drawing.
    pub icon: Icon,
    /// Where it stands in the rail; pages beyond the rail are found by the search.
    group: Option<Msg>,
}

const fn page(act: Act, label: Msg, href: &'static str, icon: Icon) -> Page {
    Page { act, or: None, label, href, icon, group: None }
}

const fn rail(group: Msg, act: Act, label: Msg, href: &'static str, icon: Icon) -> Page {
    Page { act, or: None, label, href, icon, group: Some(group) }
}

/// The same for who may do something else.
const fn or(act: Act, page: Page) -> Page {
    Page { or: Some(act), ..page }
}

/// Every page that has a name, those of the rail in its order.
pub const PAGES: &[Page] = &[
    rail(msg::NAV_OPERATIONS, Act::ReadFigures, msg::NAV_OVERVIEW, "/hoc", Icon::Overview),
    rail(msg::NAV_OPERATIONS, Act::ReadFigures, msg::NAV_INDICATORS, "/hoc/indicators", Icon::Indicators),
    rail(msg::NAV_OPERATIONS, Act::ReadClaims, msg::NAV_CLAIMS, "/claims", Icon::Claims),
    rail(msg::NAV_OPERATIONS, Act::SendClaims, msg::NAV_UPLOAD, "/claims/send", Icon::Upload),
    rail(msg::NAV_CARE, Act::SearchPeople, msg::NAV_PEOPLE, "/people", Icon::People),
    rail(msg::NAV_CARE, Act::ReviewPeople, msg::NAV_REVIEW, "/people/review", Icon::Merge),
    rail(msg::NAV_CARE, Act::ReadCertificates, msg::GKSK, "/certificates", Icon::Check),
    rail(msg::NAV_CARE, Act::ReadVaccines, msg::VAC, "/vaccines", Icon::Shield),
    rail(msg::NAV_CARE, Act::ReadPrescriptions, msg::RX, "/prescriptions", Icon::Medicine),
    rail(msg::NAV_CARE, Act::ReviewAccess, msg::NAV_ACCESS_REVIEW, "/access/reviews", Icon::Review),
    // Who decides finds what waits there, also where they write nothing down.
    or(Act::ReviewAccess, rail(msg::NAV_CARE, Act::RegisterAccess, msg::DESK, "/access/desk", Icon::Review)),
    rail(msg::NAV_CARE, Act::RegisterProxies, msg::PROXIES, "/access/proxies", Icon::People),
    rail(msg::NAV_CARE, Act::ProtectPeople, msg::PROTECT, "/access/protected", Icon::Shield),
    rail(msg::NAV_CARE, Act::ViewDesk, msg::DESK_VIEW, "/desk/view", Icon::Review),
    rail(msg::NAV_CARE, Act::ReadOwn, msg::ME, "/me", Icon::People),
    rail(msg::NAV_ADMINISTRATION, Act::RunBatches, msg::VAC_BATCHES, "/vaccines/batches", Icon::Check),
    rail(msg::NAV_ADMINISTRATION, Act::Administer, msg::NAV_ACCOUNTS, "/admin/accounts", Icon::People),
    rail(msg::NAV_ADMINISTRATION, Act::Administer, msg::ORG, "/admin/facilities", Icon::Facility),
    rail(msg::NAV_ADMINISTRATION, Act::Administer, msg::FORMS, "/admin/forms", Icon::Review),
    rail(msg::NAV_ADMINISTRATION, Act::Administer, msg::SIGNATURES, "/admin/signatures", Icon::Check),
    rail(msg::NAV_ADMINISTRATION, Act::Administer, msg::CARE, "/admin/care", Icon::People),
    rail(msg::NAV_ADMINISTRATION, Act::Administer, msg::SMART_APPS, "/admin/apps", Icon::Shield),
    rail(msg::NAV_ADMINISTRATION, Act::Administer, msg::NAV_POLICY, "/admin/access", Icon::Review),
    page(Act::ReadFigures, msg::NAV_FRESHNESS, "/hoc/freshness", Icon::Freshness),
    page(Act::ReadFigures, msg::PAGE_DISEASES, "/hoc/diseases", Icon::Lab),
    page(Act::ReadClaims, msg::PAGE_CLAIMS_REFUSED, "/claims?state=refused", Icon::Claims),
    page(Act::ReadClaims, msg::PAGE_CLAIM_FILES, "/claims/files", Icon::Claims),
    page(Act::BreakGlass, msg::PAGE_EMERGENCY, "/people/emergency", Icon::Warning),
    page(Act::Certify, msg::PAGE_CERTIFICATE_NEW, "/certificates/new", Icon::Person),
    page(Act::Certify, msg::PAGE_CERTIFICATES_IN, "/certificates/import", Icon::Upload),
    page(Act::Countersign, msg::PAGE_CERTIFICATES_SIGN, "/certificates/sign", Icon::Check),
    page(Act::ReadCertificates, msg::PAGE_CERTIFICATES_COUNT, "/certificates/statistics", Icon::Indicators),
    page(Act::Prescribe, msg::PAGE_PRESCRIPTION_NEW, "/prescriptions/new", Icon::Medicine),
    page(Act::Dispense, msg::PAGE_DISPENSE, "/prescriptions/dispense", Icon::Medicine),
    page(Act::Vaccinate, msg::PAGE_VACCINES_IN, "/vaccines/import", Icon::Upload),
    page(Act::ReadVaccines, msg::PAGE_VACCINES_DOUBT, "/vaccines/queue", Icon::Review),
    page(Act::UseAccount, msg::PAGE_VERIFY, "/verify", Icon::Shield),
    page(Act::UseAccount, msg::PAGE_ACCOUNT, "/account", Icon::Person),
    page(Act::Administer, msg::PAGE_ACCOUNT_NEW, "/admin/accounts/new", Icon::Person),
    page(Act::Administer, msg::SIGN_ON_ALL, "/admin/sign-on", Icon::Shield),
    page(Act::Administer, msg::PAGE_FACILITY_NEW, "/admin/facilities/new", Icon::Facility),
];

/// The pages that `actor` may open.
fn open_to(actor: &Actor) -> impl Iterator<Item = &'static Page> {
    PAGES.iter().filter(|p| [Some(p.act), p.or].into_iter().flatten().any(|act| decide(actor, act).is_ok()))
}

/// The rail: what `actor` may open of it, and nothing else.
pub(crate) fn rail_of(actor: &Actor) -> Vec<NavGroup> {
    let mut groups: Vec<NavGroup> = Vec::new();
    for page in open_to(actor) {
        let Some(group) = page.group else { continue };
        let item = NavItem { label: page.label, href: page.href, icon: page.icon, badge: None };
        match groups.last_mut().filter(|g| g.label == Some(group)) {
            Some(last) => last.items.push(item),
            None => groups.push(NavGroup { label: Some(group), items: vec![item] }),
        }
    }
    groups
}

/// Whether each word of `asked`, which is folded and has one at least, begins a word of `text`. Accents do not count.
pub fn says(text: &str, asked: &str) -> bool {
    let text = fold(text);
    !asked.is_empty() && asked.split(' ').all(|word| text.split(' ').any(|w| w.starts_with(word)))
}

/// The pages that `actor` may open and whose name, in either language, or whose part of the house has a word beginning with each
/// word of `text`; accents do not count. Those whose own name says it stand first.
pub fn found(actor: &Actor, text: &str) -> Vec<&'static Page> {
    let asked = fold(text);
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for page in open_to(actor) {
        let in_all = |label: Msg| Lang::ALL.map(|lang| lang.t(label)).join(" ");
        let name = in_all(page.label);
        if says(&name, &asked) {
            own.push(page);
        } else if page.group.is_some_and(|group| says(&format!("{name} {}", in_all(group)), &asked)) {
            other.push(page);
        }
    }
    own.append(&mut other);
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_access::Role;

    fn of(role: Role) -> Actor {
        let facility = role.has_facility().then_some(7);
        Actor { account: 1, name: "x".to_owned(), role, facility, ..Actor::console() }
    }

    #[test]
    fn pages_are_found_without_accents_in_both_languages_and_only_by_who_may_open_them() {
        for (role, text, first) in [
            (Role::Clinician, "ke don", Some("/prescriptions/new")),
            (Role::Clinician, "PRESCR new", Some("/prescriptions/new")),
            (Role::Clinician, "khẩn cấp", Some("/people/emergency")),
            (Role::Operator, "ke don", None),
            (Role::Operator, "ho so bhyt", Some("/claims")),
            (Role::Leader, "toan canh", Some("/hoc")),
            (Role::Leader, "tai khoan moi", None),
            (Role::Administrator, "co so moi", Some("/admin/facilities/new")),
            (Role::Citizen, "mat khau", Some("/account")),
            (Role::Leader, "", None),
            (Role::Leader, "  \" < ' ", None),
            (Role::Leader, "zzz", None),
        ] {
            assert_eq!(found(&of(role), text).first().map(|p| p.href), first, "{role:?} {text}");
        }
    }

    #[test]
    fn words_begin_words() {
        for (name, asked, fits) in [
            ("Trạm y tế xã Phú Diên", "tram phu", true),
            ("Trạm y tế xã Phú Diên", "PHÚ DIÊN", true),
            ("Trạm y tế xã Phú Diên", "dien tram x", true),
            ("Trạm y tế xã Phú Diên", "hu", false),
            ("Trạm y tế xã Phú Diên", "  ", false),
            ("Trạm y tế xã Phú Diên", ".", false),
            ("Giấy khám (2024)", "2024", true),
        ] {
            assert_eq!(says(name, &fold(asked)), fits, "{name} {asked}");
        }
    }

    #[test]
    fn the_rail_shows_what_a_role_may_open() {
        let rail = rail_of(&of(Role::Operator));
        let hrefs: Vec<&str> = rail.iter().flat_map(|g| &g.items).map(|i| i.href).collect();
        assert!(hrefs.contains(&"/claims/send") && !hrefs.contains(&"/people") && !hrefs.contains(&"/admin/accounts"));
        let hrefs = |role| -> Vec<&str> { rail_of(&of(role)).iter().flat_map(|g| &g.items).map(|i| i.href).collect() };
        for role in [Role::Operator, Role::Administrator] {
            assert!(hrefs(role).contains(&"/access/desk"), "{role:?} writes down, or decides");
        }
        let visitor = rail_of(&of(Role::Visitor));
        assert_eq!(visitor.iter().flat_map(|g| &g.items).map(|i| i.href).collect::<Vec<_>>(), ["/desk/view"]);
        let mut hrefs: Vec<&str> = PAGES.iter().map(|p| p.href).collect();
        hrefs.sort_unstable();
        hrefs.dedup();
        assert_eq!(hrefs.len(), PAGES.len(), "each page once");
    }
}
