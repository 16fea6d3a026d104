//! The book's preprocessor: shows code by the name of its item.
//!
//! mdBook includes a whole file, or a part by line numbers or anchors. Numbers
//! go stale without a word, and anchors would stand in programs that are there
//! to be read. So a page names a function, and gets it as it is, or there is
//! no book.

pub mod directive;
pub mod extract;

use std::fmt;
use std::path::Path;

use serde_json::Value;

/// A directive that can't be replaced, and the chapter it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    chapter: String,
    directive: String,
    why: directive::Error,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            chapter,
            directive,
            why,
        } = self;
        write!(f, "{chapter}: {directive}: {why}")
    }
}

impl std::error::Error for Unresolved {}

/// Replaces each directive in each chapter of a book, as mdBook passes it.
///
/// # Errors
///
/// Fails at the first directive that names nothing.
pub fn replace_all(book: &mut Value, crates: &Path) -> Result<(), Unresolved> {
    match book {
        Value::Array(values) => values
            .iter_mut()
            .try_for_each(|value| replace_all(value, crates)),
        Value::Object(fields) => {
            let chapter = chapter(fields);
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(page) if name == "content" => {
                        *page = replace(page, crates, &chapter)?;
                    }
                    value => replace_all(value, crates)?,
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What a writer knows a chapter by: its file, or else its name.
fn chapter(fields: &serde_json::Map<String, Value>) -> String {
    ["source_path", "path", "name"]
        .iter()
        .find_map(|name| fields.get(*name)?.as_str())
        .unwrap_or("a chapter without a name")
        .to_owned()
}

/// A page with its directives replaced.
fn replace(
    page: &str,
    crates: &Path,
    chapter: &str,
) -> Result<String, Unresolved> {
    directive::replace(page, crates).map_err(|(directive, why)| Unresolved {
        chapter: chapter.to_owned(),
        directive: directive.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The crates of the workspace.
    fn crates() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    #[test]
    fn a_chapter_inside_a_chapter_is_replaced() {
        let chapter = |content: &str, inside: Value| {
            json!({ "Chapter": {
                "name": "a", "content": content, "sub_items": inside,
            }})
        };
        let inner = chapter("{{#code book chapter}}", json!([]));
        let mut book = json!({ "items": [
            "Separator", { "PartTitle": "{{#code book chapter}}" },
            chapter("no directive", json!([inner])),
        ]});
        assert_eq!(replace_all(&mut book, crates()), Ok(()));
        let text = book.to_string();
        assert!(text.contains("fn chapter(fields"), "{text}");
        assert_eq!(text.matches("{{#code").count(), 1, "the title's own");
    }

    #[test]
    fn what_fails_is_told_with_its_chapter() {
        let mut book = json!({ "items": [{ "Chapter": {
            "name": "The page", "source_path": "page.md",
            "content": "text\n{{#code book no_such}}\n", "sub_items": [],
        }}]});
        let error = replace_all(&mut book, crates());
        let error = error.map_err(|error| error.to_string());
        let told = "page.md: {{#code book no_such}}: there is no `no_such` \
                    in book/src/lib.rs";
        assert_eq!(error, Err(told.to_owned()));
    }
}
