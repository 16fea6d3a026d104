//! What a case sends, what it accepts, and which bugs it finds.
//!
//! Nobody writes that down: `data/explained.tsv` comes from runs of the cases
//! over the reference endpoint in `tests/`, right and with each of its defects
//! (`BLESS=1 cargo test -p wsspec --test it mutants` writes it).

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What is known of a case from runs.
#[derive(Debug, Default)]
pub struct Explanation {
    /// A conversation with an endpoint that keeps the rule: `>` is what the
    /// case sends, `<` what comes back. An empty line stands between two
    /// connections.
    pub conversation: Vec<&'static str>,
    /// What the case accepts, as it says it to those that break the rule.
    pub accepts: Vec<&'static str>,
    /// Bugs that it finds, those first that it alone finds.
    pub bugs: Vec<&'static str>,
}

static EXPLAINED: LazyLock<BTreeMap<&str, Explanation>> = LazyLock::new(|| {
    let mut all: BTreeMap<&str, Explanation> = BTreeMap::new();
    for line in include_str!("../data/explained.tsv").lines() {
        let mut columns = line.splitn(3, '\t');
        let (Some(id), Some(kind), Some(text)) =
            (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let explanation = all.entry(id).or_default();
        match kind {
            "line" => explanation.conversation.push(text),
            "accepts" => explanation.accepts.push(text),
            _ => explanation.bugs.push(text),
        }
    }
    all
});

/// What is known of the case with this id.
#[must_use]
pub fn explanation(id: &str) -> Option<&'static Explanation> {
    EXPLAINED.get(id)
}
