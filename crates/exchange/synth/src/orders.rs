//! The lines of a claim: examination, tests with their results, medicines, supplies, notes.

use crate::calendar::Minute;
use crate::claim::{Claim, DrugLine, Item, Layout, Money, NoteLine, ResultLine, ServiceLine, Signs};
use crate::lists::{Given, Shows, lists};
use crate::random::Chance;

/// Prices rose in November 2023 and at the end of 2024: percent of the first list, to whole hundreds of đồng.
fn priced(price: i64, layout: Layout) -> i64 {
    let percent = match layout {
        Layout::L4210 | Layout::L130 => 100,
        Layout::L4750 => 109,
        Layout::L3176 => 121,
    };
    (price * percent / 100 + 50_000) / 100_000 * 100_000
}

/// Adds a service of the list; gives its place among the lines.
pub fn service(claim: &mut Claim, place: usize, ordered: Minute, times: (i64, i64)) -> usize {
    let service = &lists().services[place];
    let price = priced(service.price, claim.layout);
    claim.services.push(ServiceLine {
        item: Item::Service(place),
        quantity: 1000,
        price: (price, price),
        share: 100,
        ordered,
        done: Some(ordered + times.0),
        resulted: Some(ordered + times.0 + times.1),
        department: service.department,
        bed: None,
        anaesthesia: 0,
        money: Money::default(),
    });
    claim.services.len() - 1
}

/// Adds a test or image with its results; gives when they were known.
pub fn test(claim: &mut Claim, place: usize, ordered: Minute, chance: &mut Chance) -> Minute {
    let lists = lists();
    let wait = match lists.services[place].group {
        1 => chance.between(25, 60),
        _ => chance.between(8, 20),
    };
    service(claim, place, ordered, (chance.between(3, 9), wait));
    let at = claim.services.last().and_then(|line| line.resulted).unwrap_or(ordered);
    match &lists.services[place].shows {
        Shows::Nothing => {}
        Shows::Reading(..) => claim.results.push(ResultLine { service: place, indicator: None, value: 0, at }),
        Shows::Panel(indicators) => {
            for &indicator in indicators {
                let shown = &lists.indicators[indicator];
                let value = if shown.choices.is_empty() {
                    // Two throws: values gather in the middle of the range.
                    let (low, high) = shown.range;
                    (chance.between(low, high) + chance.between(low, high)) / 2
                } else {
                    chance.below(shown.choices.len()) as i64
                };
                claim.results.push(ResultLine { service: place, indicator: Some(indicator), value, at });
            }
        }
    }
    at
}

/// Adds a medicine for `days`; whole units where it is counted in tablets, ampoules or bottles.
pub fn drug(claim: &mut Claim, place: usize, days: i64, ordered: Minute, department: u8) {
    let drug = &lists().drugs[place];
    let units = (drug.per_day * days + 999) / 1000;
    // Insulin and heparin are billed by the part of the vial used; an inhaler only whole.
    let part = drug.per_day < 1000 && drug.given != Given::Inhaled;
    let quantity = if part { drug.per_day * days } else { units * 1000 };
    claim.drugs.push(DrugLine {
        drug: place,
        quantity: quantity.max(1),
        days,
        in_scope: true,
        ordered,
        department,
        money: Money::default(),
    });
}

/// Adds `count` of a supply.
pub fn supply(claim: &mut Claim, id: &str, count: i64, ordered: Minute, department: u8) {
    let place = lists().supply(id);
    let price = lists().supplies[place].price;
    claim.services.push(ServiceLine {
        item: Item::Supply(place),
        quantity: count * 1000,
        price: (price, price),
        share: 100,
        ordered,
        done: Some(ordered),
        resulted: None,
        department,
        bed: None,
        anaesthesia: 0,
        money: Money::default(),
    });
}

/// Adds a note with vital signs; `pressed` where the blood pressure is high by nature.
pub fn note(claim: &mut Claim, at: Minute, adult: bool, pressed: bool, chance: &mut Chance) {
    const TEXTS: [&str; 8] = [
        "Bệnh tỉnh, tiếp xúc tốt. Tim đều, phổi thông khí rõ. Bụng mềm.",
        "Bệnh tỉnh táo, da niêm mạc hồng, không phù. Đáp ứng thuốc tốt.",
        "Than mệt, ăn uống kém. Tim đều, phổi không nghe rale. Theo dõi thêm.",
        "Hết sốt, ăn uống khá, ngủ được. Tiếp tục điều trị theo y lệnh.",
        "Đau giảm, vận động khá hơn. Vết thương khô, không tấy đỏ.",
        "Ho giảm, còn khò khè ít. Phổi thông khí hai bên đều.",
        "Tổng trạng ổn định, sinh hiệu trong giới hạn bình thường.",
        "Khám lại: tuân thủ điều trị, không tác dụng phụ. Dặn tái khám.",
    ];
    let pressure = adult.then(|| {
        let systolic = if pressed { chance.between(118, 162) } else { chance.between(100, 138) };
        (systolic / 2 * 2, (systolic * 6 / 10 + chance.between(-4, 10)).clamp(55, 105))
    });
    claim.notes.push(NoteLine {
        signs: Signs {
            pulse: if adult { chance.between(62, 98) } else { chance.between(88, 132) },
            temperature: chance.one(&[365, 368, 370, 370, 370, 372, 375, 380, 385]),
            pressure,
            breaths: if adult { chance.between(16, 22) } else { chance.between(24, 38) },
        },
        text: chance.one(&TEXTS),
        at,
    });
}

/// `count` different items of a list, in its order.
pub fn some<T: Copy>(items: &[T], count: usize, chance: &mut Chance) -> Vec<T> {
    let mut left = count.min(items.len());
    let mut chosen = Vec::with_capacity(left);
    for (place, &item) in items.iter().enumerate() {
        let remaining = items.len() - place;
        if left > 0 && chance.below(remaining) < left {
            chosen.push(item);
            left -= 1;
        }
    }
    chosen
}
