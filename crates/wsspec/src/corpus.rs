//! What compressed messages say: texts and pictures of the kinds that
//! compressors meet, made here and the same in every run.

use std::sync::LazyLock;

use bytes::Bytes;
use rfc6455::Opcode;

/// How long each is, in octets or characters: several windows, and no multiple
/// of any message, so that no two messages are the same.
const LENGTH: usize = 262_111;

/// Messages of Autobahn's cases of groups 12 and 13.
const FULL: u64 = 1000;

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// An array of objects, ASCII.
    Json,
    /// A grey picture with noise.
    Bitmap,
    /// Sentences in UTF-8, sent as binary.
    Prose,
    /// A page, with characters beyond ASCII.
    Html,
    /// What is compressed already: no compressor finds anything in it.
    Compressed,
}

/// A content, whole: characters stand in it one by one where it is text.
enum Content {
    Text(Vec<char>),
    Binary(Vec<u8>),
}

impl Corpus {
    /// Text or binary.
    #[must_use]
    pub fn opcode(self) -> Opcode {
        match self.content() {
            Content::Text(_) => Opcode::TEXT,
            Content::Binary(_) => Opcode::BINARY,
        }
    }

    /// Message `number` of so many characters or octets: windows that follow
    /// each other, round and round.
    #[must_use]
    pub fn window(self, number: u64, length: usize) -> Bytes {
        let start = |size: usize| {
            let start = number.wrapping_mul(length as u64) % size as u64;
            usize::try_from(start).unwrap_or_default()
        };
        match self.content() {
            Content::Text(chars) => {
                let behind = chars[start(chars.len())..].iter();
                let window = behind.chain(chars.iter().cycle());
                window.take(length).collect::<String>().into()
            }
            Content::Binary(octets) => {
                let behind = octets[start(octets.len())..].iter();
                let window = behind.chain(octets.iter().cycle());
                window
                    .take(length)
                    .copied()
                    .collect::<Vec<_>>()
                    .into()
            }
        }
    }

    /// How many messages of this length show what there is to see.
    ///
    /// Autobahn sends a thousand. What can go wrong from one message to the
    /// next is that context is kept or dropped (the second shows it), that the
    /// window slides (behind 32 KiB, and wrongly at its end behind 64), that a
    /// counter of messages has eight bits (behind 256), and that a buffer of
    /// the size of one message is used again (the third). So it is 300
    /// messages, or as many as make 160 KiB, but never less than 4: every row
    /// from 1 KiB on slides the window at least four times over.
    ///
    /// What so few can't show is a buffer's edge: compressed data that just
    /// fills a buffer comes once in hundreds of messages, by chance. A case of
    /// its own, `7692/7.2/fills-a-buffer/*`, sends every length around it.
    #[must_use]
    pub fn count(self, length: usize, full: bool) -> u64 {
        const ENOUGH: u64 = 160 << 10;
        match full {
            true => FULL,
            false => (ENOUGH / length.max(1) as u64).clamp(4, 300),
        }
    }

    fn content(self) -> &'static Content {
        static JSON: LazyLock<Content> =
            LazyLock::new(|| Content::Text(json().chars().collect()));
        static BITMAP: LazyLock<Content> =
            LazyLock::new(|| Content::Binary(bitmap()));
        static PROSE: LazyLock<Content> =
            LazyLock::new(|| Content::Binary(prose()));
        static HTML: LazyLock<Content> =
            LazyLock::new(|| Content::Text(html().chars().collect()));
        static COMPRESSED: LazyLock<Content> =
            LazyLock::new(|| Content::Binary(compressed()));
        match self {
            Self::Json => &JSON,
            Self::Bitmap => &BITMAP,
            Self::Prose => &PROSE,
            Self::Html => &HTML,
            Self::Compressed => &COMPRESSED,
        }
    }
}

/// The words of all texts; those beyond ASCII make characters of two, three
/// and four octets.
const WORDS: [&str; 40] = [
    "the",
    "server",
    "says",
    "that",
    "a",
    "window",
    "slides",
    "over",
    "every",
    "message",
    "and",
    "nothing",
    "is",
    "lost",
    "where",
    "both",
    "sides",
    "agree",
    "on",
    "its",
    "size",
    "größe",
    "über",
    "straße",
    "naïve",
    "café",
    "ключ",
    "κόσμε",
    "世界",
    "🚀",
    "octet",
    "before",
    "after",
    "frame",
    "in",
    "order",
    "until",
    "it",
    "ends",
    "again",
];

const ASCII: usize = 21;

/// So many bytes that no compressor makes fewer, the same in every run.
#[must_use]
pub fn noise(length: usize) -> Bytes {
    let mut random = random(6);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

fn random(seed: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed)
}

/// Repeats what makes more text until there are so many characters.
fn fill(mut more: impl FnMut(&mut String)) -> String {
    let mut text = String::new();
    let mut count = 0;
    while count < LENGTH {
        let before = text.len();
        more(&mut text);
        count += text[before..].chars().count();
    }
    text.chars().take(LENGTH).collect()
}

fn json() -> String {
    let mut random = random(1);
    fill(|text| {
        let (id, word) = (random.u32(..), WORDS[random.usize(..ASCII)]);
        let (x, y) = (random.i16(..), random.f64());
        let flag = random.bool();
        *text += &format!(
            "{{\"id\": {id}, \"name\": \"{word} {word}\", \"position\": \
             [{x}, {y:.6}], \"active\": {flag}, \"tags\": [\"{word}\"]}},\n"
        );
    })
}

fn sentence(random: &mut fastrand::Rng, text: &mut String) {
    for _ in 0..random.usize(4..16) {
        *text += WORDS[random.usize(..WORDS.len())];
        text.push(' ');
    }
    text.pop();
}

fn prose() -> Vec<u8> {
    let mut random = random(2);
    let mut text = "\u{feff}".to_owned();
    text += &fill(|text| {
        sentence(&mut random, text);
        text.push_str(if random.u8(..) < 40 { ".\n\n" } else { ". " });
    });
    let mut octets = text.into_bytes();
    octets.truncate(LENGTH);
    octets
}

fn html() -> String {
    let mut random = random(3);
    fill(|text| {
        let class = WORDS[random.usize(..ASCII)];
        *text += &format!("<div class=\"{class}\">\n  <p>");
        sentence(&mut random, text);
        *text += "</p>\n  <ul>\n";
        for _ in 0..random.usize(1..4) {
            let link = random.u16(..);
            *text += &format!("    <li><a href=\"/{class}/{link}\">");
            sentence(&mut random, text);
            *text += "</a></li>\n";
        }
        *text += "  </ul>\n</div>\n";
    })
}

/// 512 pixels a row: two waves, and a little noise.
fn bitmap() -> Vec<u8> {
    let mut random = random(4);
    let wave = |at: usize, period: usize| {
        let at = at % period;
        at.min(period - at) * 200 / period
    };
    (0..LENGTH)
        .map(|pixel| {
            let (x, y) = (pixel % 512, pixel / 512);
            let grey = wave(x, 128) + wave(y, 96) + random.usize(..4);
            u8::try_from(grey).unwrap_or(u8::MAX)
        })
        .collect()
}

/// As if it were compressed, with the headings of a format here and there.
fn compressed() -> Vec<u8> {
    let mut random = random(5);
    let mut octets = Vec::with_capacity(LENGTH + 1024);
    while octets.len() < LENGTH {
        octets
            .extend_from_slice(b"\nendobj\n1 0 obj <</Filter/FlateDecode>>\n");
        octets.extend(std::iter::repeat_with(|| random.u8(..)).take(1000));
    }
    octets.truncate(LENGTH);
    octets
}
