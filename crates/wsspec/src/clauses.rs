//! The rules that the cases test, by id.
//!
//! The table is `data/clauses.tsv`: 240 rules of RFC 6455, 7692, 8441, 9220,
//! 9110 and 9112 that bind a WebSocket server, in our own words. An id such as
//! `6455-5.5.2-01` is RFC, section and number, and never changes.

use std::sync::LazyLock;

/// One rule of an RFC.
#[derive(Debug)]
pub struct Clause {
    /// Such as `6455-5.5.2-01`.
    pub id: &'static str,
    /// `MUST`, `MUST NOT`, `SHOULD`, `SHOULD NOT`, `MAY`, or `implied` for a
    /// rule that the RFC states without capitals.
    pub level: &'static str,
    /// The rule in our own words.
    pub rule: &'static str,
}

static CLAUSES: LazyLock<Vec<Clause>> = LazyLock::new(|| {
    include_str!("../data/clauses.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.splitn(3, '\t');
            let id = columns.next()?;
            let level = columns.next()?;
            let rule = columns.next()?;
            Some(Clause { id, level, rule })
        })
        .collect()
});

/// The rule with this id.
#[must_use]
pub fn clause(id: &str) -> Option<&'static Clause> {
    CLAUSES.iter().find(|clause| clause.id == id)
}

/// All rules, in the order of the RFCs.
pub fn all() -> impl Iterator<Item = &'static Clause> {
    CLAUSES.iter()
}

impl Clause {
    /// Such as `RFC 6455 §5.5.2`.
    #[must_use]
    pub fn section(&self) -> String {
        let (rfc, section) = self.parts();
        format!("RFC {rfc} §{section}")
    }

    /// Where the section can be read.
    #[must_use]
    pub fn url(&self) -> String {
        let (rfc, section) = self.parts();
        format!("https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}")
    }

    fn parts(&self) -> (&'static str, &'static str) {
        let (rfc, rest) = self.id.split_once('-').unwrap_or((self.id, ""));
        let (section, _) = rest.split_once('-').unwrap_or((rest, ""));
        (rfc, section)
    }
}
