//! Rules of claim files: what is refused and what is warned of.
