//! What servers are, and the colours of pages: a plot is drawn once, and has
//! a style sheet for light pages and one for dark ones.

use crate::report::Report;
use crate::servers::{FLOOR, FLOOR_AGAIN, FLOOR_ON_TOKIO};
use crate::svg::TEXT;

/// What a server is, which decides its colour and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// A listing, with what its framework does by default.
    Default,
    /// A production variant.
    Tuned,
    /// An original in Go.
    Go,
    /// Any other.
    Other,
    /// A raw TCP echo.
    Floor,
}

impl Group {
    pub(crate) const ALL: [Self; 5] = [
        Self::Default,
        Self::Tuned,
        Self::Go,
        Self::Other,
        Self::Floor,
    ];

    pub(crate) fn of(report: &Report, name: &str) -> Self {
        let entrant = report.servers.iter().find(|it| it.name == name);
        let language = entrant.map(|it| it.language.as_str());
        let variant = name.rsplit_once('/').map(|(_, variant)| variant);
        match (language, variant) {
            _ if [FLOOR, FLOOR_AGAIN, FLOOR_ON_TOKIO].contains(&name) => {
                Self::Floor
            }
            (Some("Go"), _) => Self::Go,
            (Some("Rust"), Some("echo")) => Self::Default,
            (Some("Rust"), Some("production")) => Self::Tuned,
            _ => Self::Other,
        }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Tuned => "tuned",
            Self::Go => "go",
            Self::Other => "other",
            Self::Floor => "floor",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Tuned => "tuned",
            Self::Go => "Go",
            Self::Other => "others",
            Self::Floor => "raw TCP",
        }
    }
}

/// The colours of a page, which are those of its text and of the groups: each
/// to be told from the others by those who see no red, no green or no blue,
/// and readable as text.
pub(crate) struct Theme {
    pub(crate) name: &'static str,
    text: &'static str,
    grid: &'static str,
    groups: [(Group, &'static str); 5],
}

/// For pages that are light, and for pages that are dark.
pub(crate) const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        text: "#22252e",
        grid: "#d0d3da",
        groups: [
            (Group::Default, "#a34100"),
            (Group::Tuned, "#0062a4"),
            (Group::Go, "#00523b"),
            (Group::Other, "#a03885"),
            (Group::Floor, "#22252e"),
        ],
    },
    Theme {
        name: "dark",
        text: "#e2e5ee",
        grid: "#40465a",
        groups: [
            (Group::Default, "#f08c2e"),
            (Group::Tuned, "#5aa9f0"),
            (Group::Go, "#5fe0b4"),
            (Group::Other, "#d97fc0"),
            (Group::Floor, "#e2e5ee"),
        ],
    },
];

impl Theme {
    /// The style sheet of a drawing. Its ground is the page's.
    pub(crate) fn style(&self) -> String {
        let Self { text, grid, .. } = self;
        let mut style = format!(
            "text {{ font: {TEXT}px system-ui, sans-serif; fill: {text} }}\n\
             .title {{ font-weight: 600 }}\n\
             .end {{ text-anchor: end }}\n\
             .middle {{ text-anchor: middle }}\n\
             line {{ stroke: {text} }}\n\
             .grid {{ stroke: {grid} }}\n\
             .one {{ stroke-width: 1.5; stroke-dasharray: 5 3 }}\n\
             rect {{ fill-opacity: 0.45 }}\n\
             polyline {{ fill: none; stroke-width: 1.8 }}\n\
             .dashes-1 {{ stroke-dasharray: 7 3 }}\n\
             .dashes-2 {{ stroke-dasharray: 2 2 }}\n\
             .dashes-3 {{ stroke-dasharray: 8 3 2 3 }}\n"
        );
        for (group, colour) in &self.groups {
            let class = group.class();
            style += &format!(
                "rect.{class}, text.{class} {{ fill: {colour} }}\n\
                 rect.{class}, line.{class}, polyline.{class} \
                 {{ stroke: {colour} }}\n"
            );
        }
        style
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grounds of mdBook's themes.
    const LIGHT: [&str; 2] = ["#ffffff", "#e1e1db"];
    const DARK: [&str; 3] = ["#161923", "#141617", "#0f1419"];

    /// How bright a colour is, as WCAG 2 reckons.
    fn luminance(colour: &str) -> f64 {
        let part = |from: usize| {
            let octet = u8::from_str_radix(&colour[from..from + 2], 16);
            let part = f64::from(octet.expect("two digits")) / 255.0;
            match part <= 0.040_45 {
                true => part / 12.92,
                false => ((part + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn every_colour_of_text_can_be_read() {
        for (theme, grounds) in THEMES.iter().zip([&LIGHT[..], &DARK[..]]) {
            let groups = theme.groups.iter().map(|it| it.1);
            for colour in groups.chain([theme.text]) {
                for ground in grounds {
                    let contrast = contrast(colour, ground);
                    assert!(contrast >= 4.5, "{colour} on {ground}");
                }
            }
        }
    }
}
