//! Doses of the synthetic province, so that no page of it is empty. Nobody of these exists.

use crate::{batch, import, keys};
use mach_access::{Act, Actor, decide};
use mach_base::Day;
use mach_store::{Store, vaccines};
use std::fmt::Write;
use std::path::Path;

/// People of the demonstration.
const PEOPLE: usize = 60;
const FAMILIES: [&str; 8] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Võ", "Đặng", "Bùi"];
const GIVEN: [&str; 10] = ["An", "Bình", "Châu", "Dung", "Giang", "Hạnh", "Khoa", "Linh", "Minh", "Oanh"];
const VACCINES: [&str; 4] = ["AstraZeneca", "Pfizer", "Vero Cell", "Moderna"];
/// Three communes of Huế.
const COMMUNES: [&str; 3] = ["19774", "19789", "19804"];

/// The file: two doses each, some rows whose identity is in doubt, one that is refused.
fn file(facility: &str) -> String {
    let mut out = "HO_TEN,NGAY_SINH,GIOI_TINH,SO_CCCD,VAC_XIN,MUI_SO,NGAY_TIEM,SO_LO,CO_SO_TIEM,MA_XA\n".to_owned();
    for n in 0..PEOPLE {
        let (sex, year) = (1 + n % 2, 1950 + n % 50);
        let name = format!("{} {} {}", FAMILIES[n % 8], if sex == 1 { "Văn Mẫu" } else { "Thị Mẫu" }, GIVEN[n % 10]);
        let number = match n % 15 {
            4 => String::new(),
            9 => "19177".to_owned(),
            13 => format!("0460{:02}{:06}", (year + 1) % 100, 700_000 + n),
            _ => format!("046{}{:02}{:06}", sex - 1, year % 100, 700_000 + n),
        };
        let commune = COMMUNES[n % 3];
        for dose in 1..=2 {
            let (vaccine, month, day) = (VACCINES[n % 4], 6 + dose, 1 + n % 28);
            // Writing to a string does not fail.
            let _ = writeln!(
                out,
                "{name},{day:02}/03/{year},{sex},{number},{vaccine},{dose},{day:02}/{month:02}/2026,LO{n:03},{facility},{commune}"
            );
        }
    }
    out.push_str("Người không ngày sinh,,1,,AstraZeneca,1,01/08/2026,LO,");
    out.push_str(facility);
    out.push_str(",\n");
    out
}

/// Fills `facility` with doses and passes, where there are none yet.
///
/// # Errors
/// Of the store and of files.
pub fn fill(store: &Store, data: &Path, facility: &str) -> Result<(), String> {
    let text = |e: mach_store::Error| e.to_string();
    let decision = decide(&Actor::console(), Act::Vaccinate).map_err(|e| e.to_string())?;
    let there = vaccines::doses(&mut store.read(&decision).map_err(text)?, None, 1).map_err(text)?;
    if !there.is_empty() {
        return Ok(());
    }
    let path = data.join("demo-vaccines.csv");
    mach_house::files::keep(&path, &file(facility), false)?;
    let name = format!("tiem-chung-mau-{}.csv", Day::today());
    import::import(store, &decision, (&path, &name), &mut |_| {}).map_err(|e| e.to_string())?;
    let signer = keys::make(data, "Sở Y tế tỉnh mẫu")?;
    batch::begin(store, &decision, 0).map_err(text)?;
    batch::run(store, &signer, &mut |_| {}).map_err(text)?;
    crate::pass::publish(store, &signer, data).map(drop)
}
