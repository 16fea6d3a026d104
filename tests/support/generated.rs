//! The generated parts of README and book: compared, or written with
//! `BLESS=1`.

use std::path::Path;

const BEGIN: &str = "<!-- results: begin -->\n";
const END: &str = "<!-- results: end -->";

/// The text between the two marks in a file is this one; `test` names the
/// test that writes it.
pub(crate) fn is_current(
    file: &str,
    test: &str,
    text: &str,
) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let whole = std::fs::read_to_string(&path)
        .map_err(|error| format!("{file}: {error}"))?;
    let marked = whole
        .split_once(BEGIN)
        .and_then(|(before, rest)| {
            let (between, after) = rest.split_once(END)?;
            Some((before, between, after))
        });
    let Some((before, between, after)) = marked else {
        return Err(format!("{file} has no marks {BEGIN}{END}"));
    };
    let text = format!("\n{}\n\n", text.trim());
    if between == text {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        let whole = format!("{before}{BEGIN}{text}{END}{after}");
        return std::fs::write(path, whole)
            .map_err(|error| format!("{file}: {error}"));
    }
    Err(format!(
        "{file} is out of date; `BLESS=1 cargo test --test {test}` writes it. \
         A run has found:\n{text}"
    ))
}
