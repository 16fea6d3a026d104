//! Drawings as SVG: the few shapes that the plots are made of.
//!
//! Written here, and not with a crate for charts: the SVG of plotters has no
//! title, no role, a fixed size and its colours in every element, puts all on
//! whole pixels, and takes text for as wide as it has octets. Here elements
//! have classes, so that a theme is a style sheet over the same drawing.

use std::fmt::Write as _;

/// How wide every drawing is, in units of its own; few enough that its text
/// can be read on a phone.
pub(crate) const WIDTH: f64 = 460.0;

/// How high text is.
pub(crate) const TEXT: u32 = 13;

/// How wide a character is at most, more or less: the font is not known.
const CHARACTER: f64 = 8.0;

/// A place: how far to the right, how far down.
pub(crate) type Place = (f64, f64);

/// What is drawn, without its colours.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    title: String,
    height: f64,
    body: String,
}

impl Drawing {
    pub(crate) fn new(title: &str, height: f64) -> Self {
        Self {
            title: title.to_owned(),
            height,
            body: String::new(),
        }
    }

    /// What it shows, for those who can't see it.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn line(&mut self, class: &str, from: Place, to: Place) {
        let ends = [("x1", from.0), ("y1", from.1), ("x2", to.0), ("y2", to.1)];
        self.element("line", class, &ends.map(shortened), "");
    }

    /// A rectangle between two corners, in any order, and what it stands for.
    pub(crate) fn bar(&mut self, class: &str, a: Place, b: Place, title: &str) {
        let sides = [
            ("x", a.0.min(b.0)),
            ("y", a.1.min(b.1)),
            ("width", (a.0 - b.0).abs()),
            ("height", (a.1 - b.1).abs()),
        ];
        let title = format!("<title>{}</title>", escape(title));
        self.element("rect", class, &sides.map(shortened), &title);
    }

    pub(crate) fn curve(&mut self, class: &str, places: &[Place], title: &str) {
        let places = places
            .iter()
            .map(|(x, y)| format!("{},{}", short(*x), short(*y)));
        let places: Vec<_> = places.collect();
        let places = [("points", places.join(" "))];
        let title = format!("<title>{}</title>", escape(title));
        self.element("polyline", class, &places, &title);
    }

    /// Text whose line begins at a place, or ends there, or has its middle
    /// there, as its class says.
    pub(crate) fn text(&mut self, class: &str, (x, y): Place, text: &str) {
        let place = [("x", x), ("y", y)];
        self.element("text", class, &place.map(shortened), &escape(text));
    }

    fn element(
        &mut self,
        name: &str,
        class: &str,
        attributes: &[(&str, String)],
        inside: &str,
    ) {
        let body = &mut self.body;
        _ = write!(body, "<{name} class=\"{class}\"");
        for (attribute, value) in attributes {
            _ = write!(body, " {attribute}=\"{value}\"");
        }
        _ = writeln!(body, ">{inside}</{name}>");
    }

    /// The whole file.
    pub(crate) fn svg(&self, style: &str) -> String {
        let Self {
            title,
            height,
            body,
        } = self;
        let (title, height) = (escape(title), short(*height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\">\n<title>{title}</title>\n\
             <style>\n{style}</style>\n{body}</svg>\n"
        )
    }
}

/// How wide a line of text is at most, more or less.
pub(crate) fn width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}

fn shortened((name, number): (&str, f64)) -> (&str, String) {
    (name, short(number))
}

/// A number without what nobody sees.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Text that XML can hold.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            it if it.is_control() => escaped.push(' '),
            it => escaped.push(it),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_can_not_hold_is_not_written() {
        let mut drawing = Drawing::new("a < b & \"c\"", 10.0);
        drawing.text("end", (1.0, 2.5), "\u{1b}[0m ]]> \u{ffff}|");
        let expected = "\
<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 460 10\" role=\"img\" \
aria-label=\"a &lt; b &amp; &quot;c&quot;\">
<title>a &lt; b &amp; &quot;c&quot;</title>
<style>
</style>
<text class=\"end\" x=\"1\" y=\"2.5\"> [0m ]]&gt;  |</text>
</svg>
";
        assert_eq!(drawing.svg(""), expected);
    }

    #[test]
    fn a_bar_has_a_width_whatever_comes_first() {
        let bar = |a, b| {
            let mut drawing = Drawing::new("", 0.0);
            drawing.bar("go", a, b, "");
            drawing.body
        };
        let expected = bar((1.0, 2.0), (4.0, 8.0));
        assert!(expected.contains(r#"x="1" y="2" width="3" height="6""#));
        assert_eq!(bar((4.0, 2.0), (1.0, 8.0)), expected);
    }
}
