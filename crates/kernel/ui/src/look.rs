//! How a reader likes the pages: light, dark, of high contrast or as the system says, and how large. The choice stands in a cookie
//! of the browser and, for who signs in, with their account; the page is written with it, so that nothing flashes and no script
//! is needed.

use std::cell::Cell;
use std::future::Future;

use axum::http::HeaderMap;

use crate::http::cookie;

/// Name of the cookie.
pub const COOKIE: &str = "look";

/// Makes an enumeration of words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As cookies and forms name it.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// From its name.
            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|w| w.code() == code)
            }
        }
    };
}

words! {
    /// The colours.
    Theme {
        /// As the system says.
        #[default]
        System = "system",
        /// Dark ink on light ground.
        Light = "light",
        /// Light ink on dark ground.
        Dark = "dark",
        /// Black ink, strong lines.
        Contrast = "contrast",
    }
}

words! {
    /// How large the pages are written.
    Size {
        /// As the browser says.
        #[default]
        Normal = "normal",
        /// A seventh larger.
        Large = "large",
        /// A third larger.
        Largest = "largest",
    }
}

/// Colours and size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The colours.
    pub theme: Theme,
    /// The size.
    pub size: Size,
}

tokio::task_local! {
    /// The look of the request that is answered: pages are written in many places, and none of them has to hand it on.
    static LOOK: Cell<Look>;
}

impl Look {
    /// From the form it is kept in: `dark.large`. What cannot be read is the default.
    pub fn parse(text: &str) -> Self {
        let (theme, size) = text.split_once('.').unwrap_or((text, ""));
        Self { theme: Theme::parse(theme).unwrap_or_default(), size: Size::parse(size).unwrap_or_default() }
    }

    /// As it is kept.
    pub fn text(self) -> String {
        format!("{}.{}", self.theme.code(), self.size.code())
    }

    pub(crate) fn of(headers: &HeaderMap) -> Self {
        cookie::get(headers, COOKIE).map(Self::parse).unwrap_or_default()
    }

    /// That of the request being answered.
    pub fn now() -> Self {
        LOOK.try_with(Cell::get).unwrap_or_default()
    }

    /// From here on the request is answered so: the account's choice takes the place of the browser's.
    pub fn choose(self) {
        // Outside of a request nobody looks.
        let _ = LOOK.try_with(|look| look.set(self));
    }

    /// Runs `work` as a request of somebody who likes it so.
    pub(crate) async fn around<F: Future>(self, work: F) -> F::Output {
        LOOK.scope(Cell::new(self), work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_nonsense_is_the_default() {
        for theme in Theme::ALL {
            for size in Size::ALL {
                let look = Look { theme: *theme, size: *size };
                assert_eq!(Look::parse(&look.text()), look);
            }
        }
        for text in ["", "x", ".", "dark\"><b>", "..", "contrast.huge.x"] {
            assert_eq!(Look::parse(text).size, Size::Normal, "{text}");
        }
        assert_eq!(Look::now(), Look::default(), "outside of a request");
    }
}
