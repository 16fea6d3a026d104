//! `wsspec diff`: what two runs have found differently.

use std::path::Path;

use wsspec::diff;
use wsspec::results::Results;

use crate::arguments::{Diff, usage};
use crate::{Exit, print};

pub(crate) fn diff(arguments: &Diff) -> Exit {
    let before = read(&arguments.before);
    let after = read(&arguments.after);
    let diff = diff::Diff::of(&before, &after);
    let exit = match diff.is_worse(arguments.strict) {
        true => Exit::Violations,
        false => Exit::AsExpected,
    };
    let text = match arguments.json {
        false => diff.to_string(),
        true => match serde_json::to_string_pretty(&diff) {
            Ok(json) => json + "\n",
            Err(error) => {
                anstream::eprintln!("wsspec: {error}");
                return Exit::OwnFault;
            }
        },
    };
    print(text.as_bytes(), exit)
}

/// The results in a file, or the end of the process with 2.
fn read(path: &Path) -> Results {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| usage(&format!("{}: {error}", path.display())));
    Results::read(&text)
        .unwrap_or_else(|error| usage(&format!("{}: {error}", path.display())))
}
