//! What a page can ask for, and what it gets.
//!
//! `{{#code echo-axum echo}}` is the item `echo` of `echo-axum/src/main.rs`;
//! `{{#diff echo-axum echo-poem echo}}` is what two of them have in common and
//! what not. Both stand on a line of their own in a fence that the page opens
//! and closes.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use similar::{ChangeTag, TextDiff};

use crate::extract;

/// Why a directive can't be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is not one of the forms that there are.
    Form,
    /// No such folder stands in `crates`.
    NoCrate(String),
    /// The crate has no such file.
    NoFile(PathBuf),
    /// The file has no such item.
    NoItem(PathBuf, extract::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str(
                "it should be {{#code CRATE-OR-FILE ITEM}} \
                 or {{#diff CRATE-OR-FILE CRATE-OR-FILE ITEM}}, on one line",
            ),
            Self::NoCrate(name) => write!(f, "there is no crate `{name}`"),
            Self::NoFile(path) => {
                write!(f, "there is no file {}", path.display())
            }
            Self::NoItem(path, why) => write!(f, "{why} in {}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

/// What a directive asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'page> {
    /// An item.
    Code {
        /// The crate or file.
        source: &'page str,
        /// The item, or the first and the last of a run.
        item: &'page str,
    },
    /// An item as it is in one place, compared with another.
    Diff {
        /// The crate or file whose lines have a minus.
        old: &'page str,
        /// The crate or file whose lines have a plus.
        new: &'page str,
        /// The item in both.
        item: &'page str,
    },
}

/// A directive on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive<'page> {
    /// All of it, with its braces.
    pub text: &'page str,
    /// Where it begins, in octets.
    pub start: usize,
    /// What it asks for; nothing if that can't be told.
    pub form: Option<Form<'page>>,
}

/// The directives of a page, in their order. What has a backslash before it is
/// none: mdBook takes the backslash away and shows the rest.
#[must_use]
pub fn directives(page: &str) -> Vec<Directive<'_>> {
    let mut found = Vec::new();
    for (start, _) in page.match_indices("{{#") {
        let text = page[start..].lines().next().unwrap_or_default();
        let is_ours = ["{{#code", "{{#diff"].iter().any(|opening| {
            let behind = text.strip_prefix(opening);
            behind.is_some_and(|it| !it.starts_with(char::is_alphanumeric))
        });
        if !is_ours || page[..start].ends_with('\\') {
            continue;
        }
        let text = match text.find("}}") {
            Some(end) => &text[..end + 2],
            None => text,
        };
        let form = form(text);
        found.push(Directive { text, start, form });
    }
    found
}

fn form(text: &str) -> Option<Form<'_>> {
    let inside = text.strip_prefix("{{#")?.strip_suffix("}}")?;
    let (name, rest) = inside.split_once(' ')?;
    let (first, rest) = rest.trim().split_once(' ')?;
    let rest = rest.trim();
    match name {
        "code" => Some(Form::Code {
            source: first,
            item: rest,
        }),
        "diff" => {
            let (new, item) = rest.split_once(' ')?;
            let item = item.trim();
            Some(Form::Diff {
                old: first,
                new,
                item,
            })
        }
        _ => None,
    }
}

/// A page with each directive replaced by what it asks for.
///
/// # Errors
///
/// Fails with the first directive that can't be.
pub fn replace<'page>(
    page: &'page str,
    crates: &Path,
) -> Result<String, (&'page str, Error)> {
    let mut replaced = String::new();
    let mut end = 0;
    for directive in directives(page) {
        let before = &page[end..directive.start];
        replaced.push_str(before);
        let text = directive.resolve(crates);
        let text = text.map_err(|error| (directive.text, error))?;
        // In a list, the fence and what is in it are indented.
        let line = before.rsplit('\n').next().unwrap_or_default();
        let indent = match line.trim().is_empty() {
            true => line,
            false => "",
        };
        replaced.push_str(&text.replace('\n', &format!("\n{indent}")));
        end = directive.start + directive.text.len();
    }
    replaced.push_str(&page[end..]);
    Ok(replaced)
}

impl Directive<'_> {
    /// The text that it asks for, without a newline at its end.
    ///
    /// # Errors
    ///
    /// Fails if it asks for nothing that there is.
    pub fn resolve(&self, crates: &Path) -> Result<String, Error> {
        match self.form.ok_or(Error::Form)? {
            Form::Code { source, item } => code(crates, source, item),
            Form::Diff { old, new, item } => Ok(diff(
                (old, &code(crates, old, item)?),
                (new, &code(crates, new, item)?),
            )),
        }
    }
}

/// An item, or a run of them, of a crate or file.
fn code(crates: &Path, source: &str, item: &str) -> Result<String, Error> {
    let path = file(crates, source)?;
    let text = std::fs::read_to_string(crates.join(&path))
        .map_err(|_| Error::NoFile(path.clone()))?;
    extract::item(&text, item)
        .map(str::to_owned)
        .map_err(|why| Error::NoItem(path, why))
}

/// The file that a name stands for, below `crates`:
///
/// - `echo-axum` is `echo-axum/src/main.rs`; a library has `lib.rs` instead;
/// - `production-axum` is `echo-axum/examples/production-axum.rs`;
/// - `endpoint/session.rs` is `endpoint/src/session.rs`.
fn file(crates: &Path, source: &str) -> Result<PathBuf, Error> {
    let is_below = Path::new(source)
        .components()
        .all(|it| matches!(it, Component::Normal(_)));
    if !is_below {
        return Err(Error::NoFile(source.into()));
    }
    let production = source.strip_prefix("production-");
    let (folder, file) = match (source.split_once('/'), production) {
        (Some((folder, file)), _) => (folder.into(), format!("src/{file}")),
        (None, Some(name)) => {
            (format!("echo-{name}"), format!("examples/{source}.rs"))
        }
        (None, None) => {
            let library = crates.join(source).join("src/lib.rs");
            let file = match library.exists() {
                true => "src/lib.rs",
                false => "src/main.rs",
            };
            (source.to_owned(), file.to_owned())
        }
    };
    match crates.join(&folder).is_dir() {
        true => Ok(Path::new(&folder).join(file)),
        false => Err(Error::NoCrate(folder)),
    }
}

/// All lines of both, those of the one with a minus, those of the other with a
/// plus.
fn diff((old, before): (&str, &str), (new, after): (&str, &str)) -> String {
    let mut text = format!("--- {old}\n+++ {new}");
    let (before, after) = (format!("{before}\n"), format!("{after}\n"));
    for change in TextDiff::from_lines(&before, &after).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Equal => ' ',
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        let line = format!("\n{sign}{}", change.value().trim_end());
        // An empty line that both have is empty here, too.
        text.push_str(line.trim_end_matches(' '));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The crates of the workspace.
    fn crates() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    fn forms(page: &str) -> Vec<Option<Form<'_>>> {
        let found = directives(page).into_iter();
        found.map(|directive| directive.form).collect()
    }

    fn why(directive: &str) -> String {
        match replace(directive, crates()) {
            Ok(text) => panic!("{directive} is {text}"),
            Err((found, why)) => {
                assert_eq!(found, directive);
                why.to_string()
            }
        }
    }

    #[test]
    fn a_directive_is_read_into_its_parts() {
        let code = |source, item| Some(Form::Code { source, item });
        assert_eq!(forms("{{#code a b}}"), [code("a", "b")]);
        assert_eq!(forms("x {{#code a/b.rs  c }} y"), [code("a/b.rs", "c")]);
        assert_eq!(
            forms("{{#code a impl B for C}}\n{{#code a b..c}}"),
            [code("a", "impl B for C"), code("a", "b..c")]
        );
        let diff = Form::Diff {
            old: "a",
            new: "b",
            item: "c",
        };
        assert_eq!(forms("{{#diff a b c}}"), [Some(diff)]);
    }

    #[test]
    fn what_is_not_ours_is_left_as_it_is() {
        for page in [
            r"\{{#code a b}}",
            "{{#include ../a.rs}}",
            "{{#codec a b}}",
            "{{ #code a b }}",
        ] {
            assert_eq!(forms(page), []);
            assert_eq!(replace(page, crates()), Ok(page.to_owned()));
        }
    }

    #[test]
    fn a_directive_without_its_parts_is_refused() {
        for page in [
            "{{#code}}",
            "{{#code }}",
            "{{#code a}}",
            "{{#code a }}",
            "{{#diff a b}}",
            "{{#code a b",
        ] {
            assert_eq!(forms(page), [None], "{page}");
            assert!(why(page).starts_with("it should be {{#code"));
        }
    }

    #[test]
    fn what_there_is_not_is_told() {
        for (directive, told) in [
            ("{{#code no-such a}}", "there is no crate `no-such`"),
            (
                "{{#code production-none a}}",
                "there is no crate `echo-none`",
            ),
            (
                "{{#code book/none.rs a}}",
                "there is no file book/src/none.rs",
            ),
            (
                "{{#code ../../Cargo.toml a}}",
                "there is no file ../../Cargo.toml",
            ),
            (
                "{{#code book/directive.rs none}}",
                "there is no `none` in book/src/directive.rs",
            ),
        ] {
            assert_eq!(why(directive), told);
        }
    }

    #[test]
    fn names_stand_for_files() {
        for (source, path) in [
            ("echo-axum", "echo-axum/src/main.rs"),
            ("production-axum", "echo-axum/examples/production-axum.rs"),
            ("endpoint/session.rs", "endpoint/src/session.rs"),
            ("endpoint", "endpoint/src/lib.rs"),
        ] {
            assert_eq!(file(crates(), source), Ok(path.into()));
        }
    }

    #[test]
    fn what_stands_around_a_directive_stays() {
        let page = "1. one\n\n   {{#code book/directive.rs Form}}\n   two\n";
        let replaced = replace(page, crates()).unwrap_or_default();
        assert!(replaced.starts_with("1. one\n\n   /// What a directive"));
        assert!(replaced.contains("\n   pub enum Form<'page> {\n"));
        assert!(replaced.ends_with("\n   }\n   two\n"));
    }

    #[test]
    fn a_diff_shows_every_line_of_both() {
        let shown = diff(("a", "1\n\n2\n3"), ("b", "1\n\n4\n3"));
        assert_eq!(shown, "--- a\n+++ b\n 1\n\n-2\n+4\n 3");
    }
}
