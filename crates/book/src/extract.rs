//! Finds an item in a source file by its name.
//!
//! By its text alone: rustfmt lets a top-level item begin in the first column,
//! and either end on a line that begins there too, or in its first statement.
//! So no parser is needed, and what a reader gets is what stands in the file.

use std::fmt;
use std::ops::Range;

/// Why there is no text for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No item has the name.
    None(String),
    /// More than one item has the name.
    Several(String),
    /// The last of a run stands before the first.
    Backwards(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(name) => write!(f, "there is no `{name}`"),
            Self::Several(name) => write!(f, "`{name}` is there twice"),
            Self::Backwards(run) => write!(f, "`{run}` runs backwards"),
        }
    }
}

impl std::error::Error for Error {}

/// A top-level item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// `echo`, `impl Cause`, or `impl Display for Cause`, without generics.
    pub name: String,
    /// Its text in the file, with the comments and attributes that stand on it
    /// and without the newline behind it.
    pub text: Range<usize>,
}

/// The text of an item, or of the run from one to another: `main..serve`.
///
/// # Errors
///
/// Fails unless each name is that of exactly one item.
pub fn item<'text>(text: &'text str, name: &str) -> Result<&'text str, Error> {
    let items = items(text);
    match name.split_once("..") {
        None => Ok(&text[find(&items, name)?]),
        Some((first, last)) => {
            let (first, last) = (find(&items, first)?, find(&items, last)?);
            text.get(first.start..last.end)
                .filter(|run| !run.is_empty())
                .ok_or_else(|| Error::Backwards(name.to_owned()))
        }
    }
}

/// Where the only item of this name is.
fn find(items: &[Item], name: &str) -> Result<Range<usize>, Error> {
    let mut named = items.iter().filter(|item| item.name == name);
    let item = named.next();
    let item = item.ok_or_else(|| Error::None(name.to_owned()))?;
    match named.next() {
        None => Ok(item.text.clone()),
        Some(_) => Err(Error::Several(name.to_owned())),
    }
}

/// The functions, types, traits, constants and implementations of a file.
#[must_use]
pub fn items(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut lines = Lines::of(text);
    // Where the comments and attributes of the next item begin.
    let mut above = None;
    while let Some(line) = lines.next() {
        let start = line.start;
        let first = &text[line.clone()];
        if first.starts_with("#[") || is_comment(first) {
            above.get_or_insert(start);
            if first.starts_with("#[") && !first.ends_with(']') {
                lines.skip_to(|line| line.ends_with(']'));
            }
            continue;
        }
        let start = above.take().unwrap_or(start);
        let Some(kind) = Kind::of(first) else {
            continue;
        };
        let header = line.start;
        let end = match kind.is_over(first) {
            true => line.end,
            false => lines.skip_to(|line| kind.ends(first, line)),
        };
        let name = kind.name(&text[header..end]);
        items.push(Item {
            name,
            text: start..end,
        });
    }
    items
}

/// A comment that belongs to what stands below it; `//!` belongs to the file.
fn is_comment(line: &str) -> bool {
    line.starts_with("//") && !line.starts_with("//!")
}

/// What an item is, as far as its name and its end are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It has a name, and its braces.
    Braced,
    /// It has a name, and ends with a semicolon.
    Statement,
    /// It has braces and no name of its own.
    Impl,
}

impl Kind {
    /// The kind of the item that begins with this line, if one does.
    fn of(line: &str) -> Option<Self> {
        if line.starts_with(char::is_whitespace) {
            return None;
        }
        let mut words = words(line);
        match words.next()? {
            "fn" | "struct" | "enum" | "trait" | "union" => Some(Self::Braced),
            word if is_impl(word) => Some(Self::Impl),
            "const" | "unsafe" | "extern" | "async"
                if words
                    .clone()
                    .any(|it| it == "fn" || it == "trait") =>
            {
                Some(Self::Braced)
            }
            "const" | "static" | "type" => Some(Self::Statement),
            _ => None,
        }
    }

    /// Whether an item is over with its first line.
    fn is_over(self, first: &str) -> bool {
        match self {
            Self::Braced => first.ends_with(['}', ';']),
            Self::Impl => first.ends_with('}'),
            Self::Statement => first.ends_with(';'),
        }
    }

    /// Whether an item with this first line is over with a later one.
    fn ends(self, first: &str, line: &str) -> bool {
        match self {
            // `) -> Result<()> {` is in the first column, too, and so may be a
            // line of a string.
            Self::Braced | Self::Impl => {
                line.starts_with(['}', ')']) && line.ends_with(['}', ';'])
            }
            Self::Statement => {
                let opens = first.ends_with(['{', '(', '[', '|']);
                let is_closed = !line.starts_with(char::is_whitespace);
                line.ends_with(';') && (is_closed || !opens)
            }
        }
    }

    fn name(self, item: &str) -> String {
        if self == Self::Impl {
            return implementation(item);
        }
        // Behind `extern` stands the name of a convention, in quotes.
        let name = words(item)
            .find(|word| !KEYWORDS.contains(word) && !word.starts_with('"'))
            .unwrap_or_default();
        let end = name.find(|it: char| !it.is_alphanumeric() && it != '_');
        name[..end.unwrap_or(name.len())].to_owned()
    }
}

/// `impl`, or `impl<T>`.
fn is_impl(word: &str) -> bool {
    word.split('<').next() == Some("impl")
}

/// What may stand before the name of an item.
const KEYWORDS: &[&str] = &[
    "async", "const", "enum", "extern", "fn", "mut", "static", "struct",
    "trait", "type", "union", "unsafe",
];

/// The words of an item behind `pub` or `pub(crate)`.
fn words(item: &str) -> impl Iterator<Item = &str> + Clone {
    let words = item.split_whitespace();
    words.skip_while(|word| *word == "pub" || word.starts_with("pub("))
}

/// `impl<T> Trait<T> for Type<T> where … {` as `impl Trait for Type`.
fn implementation(item: &str) -> String {
    let header = item.split('{').next().unwrap_or_default();
    let mut depth = 0_usize;
    let mut plain = String::new();
    let mut before = ' ';
    for it in header.chars() {
        match it {
            '<' => depth += 1,
            // The end of an arrow is none of a list.
            '>' if before != '-' => depth = depth.saturating_sub(1),
            it if depth == 0 => plain.push(it),
            _ => {}
        }
        before = it;
    }
    let words = plain.split_whitespace();
    let words: Vec<_> = words
        .take_while(|word| *word != "where")
        .collect();
    words.join(" ")
}

/// The lines of a text and where they stand, without their newlines.
struct Lines<'text> {
    text: &'text str,
    next: usize,
}

impl<'text> Lines<'text> {
    fn of(text: &'text str) -> Self {
        Self { text, next: 0 }
    }

    /// Goes behind the first line that is the last one wanted, and says where
    /// it ends: where the text does, if there is none.
    fn skip_to(&mut self, is_last: impl Fn(&str) -> bool) -> usize {
        let text = self.text;
        self.find(|line| is_last(&text[line.clone()]))
            .map_or(text.trim_end().len(), |line| line.end)
    }
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next;
        let rest = self
            .text
            .get(start..)
            .filter(|it| !it.is_empty())?;
        let length = rest.find('\n').unwrap_or(rest.len());
        self.next = start + length + 1;
        Some(start..start + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"//! A file.

use std::{
    env, io,
};

/// How many.
const MANY: usize = 1;
static NAMES: &[&str] = &[
    "one;",
];

const SUM: usize =
    MANY + 1;
const TEXT: &str = "one \
    two";
type Socket = Stream<Inner>;

// A heading, with a line to itself.

/// An attribute over two lines.
#[derive(
    Clone, Debug
)]
pub(crate) struct Place(usize);

pub struct Settings<T> {
    /// A field.
    pub name: T,
}

pub struct Empty;

impl<T: Into<String>> Settings<T> {
    fn same(self) -> Self {
        self
    }
}

impl<T> From<T> for Settings<T>
where
    T: Into<String>,
{
    fn from(name: T) -> Self {
        Self { name }
    }
}

// Belongs to the function.
#[tokio::main]
async fn main() {}

pub const fn serve<T>(
    one: usize,
) -> Result<usize, ()> {
    let text = "
one
";
    match one {
        0 => Err(()),
        one => Ok(one),
    }
}

impl Empty {}

impl Empty {}

pub unsafe trait Marked {}

mod inner {
    fn inside() {}
}
"#;

    #[test]
    fn every_item_is_found_and_nothing_else() {
        let names: Vec<_> = items(FILE)
            .into_iter()
            .map(|item| item.name)
            .collect();
        assert_eq!(
            names,
            [
                "MANY",
                "NAMES",
                "SUM",
                "TEXT",
                "Socket",
                "Place",
                "Settings",
                "Empty",
                "impl Settings",
                "impl From for Settings",
                "main",
                "serve",
                "impl Empty",
                "impl Empty",
                "Marked",
            ]
        );
    }

    #[test]
    fn an_item_is_whole() {
        for (name, text) in [
            ("MANY", "/// How many.\nconst MANY: usize = 1;"),
            ("NAMES", "static NAMES: &[&str] = &[\n    \"one;\",\n];"),
            ("SUM", "const SUM: usize =\n    MANY + 1;"),
            ("TEXT", "const TEXT: &str = \"one \\\n    two\";"),
            ("Empty", "pub struct Empty;"),
            (
                "main",
                "// Belongs to the function.\n#[tokio::main]\n\
                 async fn main() {}",
            ),
        ] {
            assert_eq!(item(FILE, name), Ok(text));
        }
        for (name, start, end) in [
            ("Place", "/// An attribute over", "struct Place(usize);"),
            ("Settings", "pub struct Settings<T> {", "name: T,\n}"),
            ("serve", "pub const fn serve<T>(", "one),\n    }\n}"),
            ("impl Settings", "impl<T: Into<", "self\n    }\n}"),
            ("impl From for Settings", "impl<T> From<T>", "}\n    }\n}"),
        ] {
            let text = item(FILE, name).unwrap_or_default();
            assert!(text.starts_with(start), "{name}: {text}");
            assert!(text.ends_with(end), "{name}: {text}");
        }
    }

    #[test]
    fn a_run_goes_from_one_to_another() {
        let run = item(FILE, "main..serve").unwrap_or_default();
        assert!(run.starts_with("// Belongs to the function.\n"));
        assert!(run.contains("main() {}\n\npub const fn serve<T>("));
        assert!(run.ends_with("one),\n    }\n}"));
        let backwards = Error::Backwards("serve..main".to_owned());
        assert_eq!(item(FILE, "serve..main"), Err(backwards));
    }

    #[test]
    fn a_name_that_is_not_there_or_is_there_twice_is_an_error() {
        for name in ["none", "Settings<T>", "same", "inside", "", "impl From"] {
            assert_eq!(item(FILE, name), Err(Error::None(name.to_owned())));
        }
        let twice = Error::Several("impl Empty".to_owned());
        assert_eq!(item(FILE, "impl Empty"), Err(twice));
    }

    #[test]
    fn an_item_at_the_end_needs_no_newline() {
        assert_eq!(item("fn a() {\n}", "a"), Ok("fn a() {\n}"));
    }
}
