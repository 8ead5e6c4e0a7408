//! Sales: what a pharmacy handed out of a prescription under one number of its own, and whether the national system knows.

use super::{Prescription, Sending};
use crate::distribution::every;
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Error, Result, Tx};

/// How much of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleLine {
    /// Which line.
    pub line: i64,
    /// How much, hundredths of a unit.
    pub quantity: i64,
}

/// What was handed out at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Number of the row; 0: not yet written.
    pub id: i64,
    /// Of which prescription, by row.
    pub prescription: i64,
    /// When, seconds.
    pub at: i64,
    /// How often telling the national system was tried.
    pub tried: i64,
    /// When it is told next.
    pub next: Option<i64>,
    /// By which facility; 0: by a pharmacy elsewhere, that `place` names.
    pub pharmacy: i64,
    /// Whose account; 0: a program's, or elsewhere.
    pub account: i64,
    /// The facility of the prescription.
    pub facility: i64,
    /// How far it is on its way to the national system.
    pub sending: Sending,
    /// The national code of a pharmacy elsewhere; empty: it was here.
    pub place: String,
    /// The pharmacy's own number of the sale.
    pub invoice: String,
    /// What the national system said last.
    pub said: String,
    /// How much of which line.
    pub lines: Vec<SaleLine>,
}

const COLUMNS: &str = "id, prescription, at, tried, next, pharmacy, account, facility, sending, place, invoice, said";

fn row(r: &dyn Row) -> Result<Sale> {
    let text = |i| r.text(i).map(str::to_owned);
    Ok(Sale {
        id: r.int(0)?,
        prescription: r.int(1)?,
        at: r.int(2)?,
        tried: r.int(3)?,
        next: r.opt_int(4)?,
        pharmacy: r.int(5)?,
        account: r.int(6)?,
        facility: r.int(7)?,
        sending: Sending::of(r.int(8)?).ok_or(Error::Column(8))?,
        place: text(9)?,
        invoice: text(10)?,
        said: text(11)?,
        lines: Vec::new(),
    })
}

fn lines(on: &mut dyn Query, sale: &Sale) -> Result<Vec<SaleLine>> {
    let sql = "SELECT line, quantity FROM sale_line WHERE sale = ?1 AND facility = ?2 ORDER BY line";
    sql::list(on, sql, &[sale.id.into(), sale.facility.into()], |r| {
        Ok(SaleLine { line: r.int(0)?, quantity: r.int(1)? })
    })
}

fn whole(on: &mut dyn Query, mut sales: Vec<Sale>) -> Result<Vec<Sale>> {
    for sale in &mut sales {
        sale.lines = lines(on, sale)?;
    }
    Ok(sales)
}

/// What was sold of a prescription, in order.
pub fn sales(on: &mut dyn Query, p: &Prescription) -> Result<Vec<Sale>> {
    let sql = format!("SELECT {COLUMNS} FROM sale WHERE prescription = ?1 AND facility = ?2 ORDER BY id LIMIT 500");
    let found = sql::list(on, &sql, &[p.id.into(), p.facility.into()], row)?;
    whole(on, found)
}

/// Sales that the national system is to be told of, with the code of their prescription, the longest waiting first.
pub fn sales_due(on: &mut dyn Query, now: i64, limit: usize) -> Result<Vec<(Sale, String)>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sale WHERE next IS NOT NULL AND next <= ?1 ORDER BY next, id LIMIT {limit}{}",
        every!("province")
    );
    let found = sql::list(on, &sql, &[now.into()], row)?;
    let mut out = Vec::with_capacity(found.len());
    for sale in whole(on, found)? {
        let sql = "SELECT code FROM prescription WHERE id = ?1 AND facility = ?2";
        let code =
            sql::first(on, sql, &[sale.prescription.into(), sale.facility.into()], |r| Ok(r.text(0)?.to_owned()))?;
        out.push((sale, code.ok_or(Error::Missing("the prescription of a sale"))?));
    }
    Ok(out)
}

impl Tx<'_> {
    /// The sale of this number of this pharmacy, where it was written down: the same sale told again is the same.
    ///
    /// # Errors
    /// Of the store.
    pub fn sale_of(&mut self, p: &Prescription, pharmacy: i64, place: &str, invoice: &str) -> Result<Option<Sale>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM sale WHERE prescription = ?1 AND pharmacy = ?2 AND place = ?3 AND invoice = ?4
                AND facility = ?5"
        );
        let args: [Arg<'_>; 5] = [p.id.into(), pharmacy.into(), place.into(), invoice.into(), p.facility.into()];
        let found = sql::first(self, &sql, &args, row)?;
        Ok(whole(self, found.into_iter().collect())?.pop())
    }

    /// Counts a quantity as handed out of a line. Where `bounded` and less is left: false, and nothing is written.
    ///
    /// # Errors
    /// Of the store.
    pub fn hand_out(&mut self, p: &Prescription, of: SaleLine, bounded: bool) -> Result<bool> {
        let mut sql =
            "UPDATE prescription_line SET dispensed = dispensed + ?4 WHERE facility = ?1 AND prescription = ?2
            AND line = ?3"
                .to_owned();
        if bounded {
            sql.push_str(" AND dispensed + ?4 <= prescribed");
        }
        Ok(self.run(&sql, &[p.facility.into(), p.id.into(), of.line.into(), of.quantity.into()])? == 1)
    }

    /// Writes a new sale with its lines; gives its number.
    ///
    /// # Errors
    /// Of the store.
    pub fn add_sale(&mut self, s: &Sale) -> Result<i64> {
        let sql = "INSERT INTO sale(prescription, at, tried, next, pharmacy, account, facility, sending, place, invoice, said)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let args: [Arg<'_>; 11] = [
            s.prescription.into(),
            s.at.into(),
            s.tried.into(),
            s.next.into(),
            s.pharmacy.into(),
            s.account.into(),
            s.facility.into(),
            (s.sending as i64).into(),
            (&s.place).into(),
            (&s.invoice).into(),
            (&s.said).into(),
        ];
        let id = self.insert(sql, &args)?;
        for l in &s.lines {
            let sql = "INSERT INTO sale_line(sale, line, quantity, facility) VALUES (?1, ?2, ?3, ?4)";
            self.push(sql, &[id.into(), l.line.into(), l.quantity.into(), s.facility.into()])?;
        }
        Ok(id)
    }

    /// Writes what became of telling the national system of a sale.
    ///
    /// # Errors
    /// Of the store.
    pub fn told_of_sale(&mut self, s: &Sale, sending: Sending, said: &str, next: Option<i64>) -> Result<()> {
        let sql =
            "UPDATE sale SET sending = ?3, said = ?4, next = ?5, tried = tried + 1 WHERE id = ?1 AND facility = ?2";
        self.run(sql, &[s.id.into(), s.facility.into(), (sending as i64).into(), said.into(), next.into()]).map(drop)
    }
}
