//! Vaccines by the names that files write, and how a pass names them.

use mach_base::text::fold;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A vaccine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// Our code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is against.
    pub disease: String,
    /// The same, SNOMED CT.
    pub target: String,
    /// Kind of vaccine, of the value sets of the EU's certificate; empty where no pass is issued for it.
    pub vp: String,
    /// Product.
    pub mp: String,
    /// Holder of the authorisation.
    pub ma: String,
    /// Its maker in words.
    pub maker: String,
    /// Doses of a full course.
    pub doses: i64,
}

impl Product {
    /// Whether a pass may be issued for it.
    pub fn has_pass(&self) -> bool {
        !self.mp.is_empty()
    }
}

/// The list.
#[derive(Debug)]
pub struct Products {
    all: Vec<Product>,
    names: HashMap<String, usize>,
}

impl Products {
    /// The list in use: shipped, or an administrator's `content/vaccines/products.csv`.
    pub fn shared() -> &'static Self {
        static ALL: LazyLock<Products> = LazyLock::new(|| {
            let shipped = include_str!("../../../../content/vaccines/products.csv");
            match Products::read(&mach_base::content::text("vaccines/products.csv", shipped)) {
                Ok(products) => products,
                Err(e) => panic!("content/vaccines/products.csv: {e}"),
            }
        });
        &ALL
    }

    /// Reads a list.
    ///
    /// # Errors
    /// What is wrong in which line.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut out = Self { all: Vec::new(), names: HashMap::new() };
        for (n, row) in csv::Reader::from_reader(text.as_bytes()).records().enumerate() {
            let row = row.map_err(|e| e.to_string())?;
            let at = |n: usize| row.get(n).unwrap_or_default().to_owned();
            let doses = at(9).parse().map_err(|_| format!("row {}: `{}` is no number of doses", n + 2, at(9)))?;
            let names = at(1);
            for name in names.split(';').chain([at(0).as_str(), at(2).as_str()]) {
                if out.names.insert(fold(name.trim()), out.all.len()).is_some_and(|other| other != out.all.len()) {
                    return Err(format!("row {}: `{name}` names two vaccines", n + 2));
                }
            }
            out.all.push(Product {
                code: at(0),
                name: at(2),
                disease: at(3),
                target: at(4),
                vp: at(5),
                mp: at(6),
                ma: at(7),
                maker: at(8),
                doses,
            });
        }
        Ok(out)
    }

    /// By code or any of its names, whatever its case and accents.
    pub fn find(&self, name: &str) -> Option<&Product> {
        self.names.get(&fold(name.trim())).and_then(|n| self.all.get(*n))
    }

    /// All.
    pub fn all(&self) -> &[Product] {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vaccines_are_found_by_any_name() {
        let products = Products::shared();
        assert_eq!(products.find(" Astra Zeneca ").map(|p| p.code.as_str()), Some("VAXZEVRIA"));
        assert_eq!(products.find("VIEM GAN B").map(|p| p.code.as_str()), Some("VGB"));
        assert!(products.find("nước muối").is_none());
        assert!(products.all().iter().all(|p| p.has_pass() == (p.target == "840539006") && p.doses > 0));
        assert!(Products::read("a,b,c,d,e,f,g,h,i,j\nX,y,Z,,,,,,,1\nW,y,V,,,,,,,1\n").is_err());
    }
}
