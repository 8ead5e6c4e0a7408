//! The drawings of `web/icons`. An icon always stands beside a word; readers of the screen do not hear it.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::assets;

macro_rules! icons {
    ($($name:ident $id:literal),+ $(,)?) => {
        /// A drawing, written as an `<svg>` that points into the sprite.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Icon {
            $(#[doc = $id] $name),+
        }
        impl Icon {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in the sprite and its file in `web/icons`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id),+ }
            }
        }
    };
}

icons! {
    Bell "bell", Look "look", Work "work",
    Calendar "calendar", Check "check", Claims "claims", Down "down", Download "download", Error "error",
    Facility "facility", Freshness "freshness", Home "home", Indicators "indicators", Info "info", Keyboard "keyboard",
    Lab "lab", Language "language", Map "map", Medicine "medicine", Menu "menu", Merge "merge", Money "money",
    Next "next", Overview "overview", People "people", Person "person", Previous "previous", Print "print",
    Review "review", Search "search", Settings "settings", Shield "shield", SignOut "signout", Sort "sort",
    Undo "undo", Upload "upload", Warning "warning",
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<svg class=\"icon\" width=\"18\" height=\"18\" aria-hidden=\"true\"><use href=\"{}#{}\"/></svg>",
            assets::ICONS,
            self.id()
        )
    }
}

impl HtmlSafe for Icon {}

impl askama::FastWritable for Icon {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        write!(dest, "{self}")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_is_in_the_sprite() {
        let sprite = assets::ALL.iter().find(|a| a.name == "icons.svg").unwrap();
        let svg = std::str::from_utf8(sprite.bytes).unwrap();
        for icon in Icon::ALL {
            assert!(svg.contains(&format!("<symbol id=\"{}\"", icon.id())), "{icon:?}");
        }
        assert_eq!(svg.matches("<symbol ").count(), Icon::ALL.len(), "no drawing without a name");
    }
}
