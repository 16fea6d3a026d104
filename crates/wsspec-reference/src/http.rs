//! The HTTP around the opening handshake, as far as the endpoint needs it.

use rfc6455::handshake::Fields;

use crate::Defect;

/// What follows a request's head.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    Length(usize),
    Chunks,
}

/// How long the head at the beginning is, with its empty line.
pub(crate) fn head_length(received: &[u8]) -> Option<usize> {
    let end = received
        .windows(4)
        .position(|it| it == b"\r\n\r\n");
    // An empty line alone is a head, too, if not a right one.
    if received.starts_with(b"\r\n") {
        return Some(2);
    }
    end.map(|end| end + 4)
}

/// The head as a defect reads it.
pub(crate) fn repaired(head: &[u8], defect: Option<Defect>) -> Vec<u8> {
    let text: String = head.iter().copied().map(char::from).collect();
    let lines = text.trim_end_matches("\r\n").split("\r\n");
    let text = match defect {
        Some(Defect::BareCrDropped) => {
            join(lines.map(|line| line.replace('\r', "")))
        }
        Some(Defect::BareCrEndsLine) => {
            join(lines.map(|line| line.replace('\r', "\r\n")))
        }
        Some(Defect::LinesTrimmed) => {
            join(lines.map(|line| line.trim_start().to_owned()))
        }
        Some(Defect::BlankBeforeColonDropped) => {
            join(lines.map(|line| line.replacen(" :", ":", 1)))
        }
        Some(Defect::FoldedLineDropped) => {
            let whole = lines.filter(|line| !line.starts_with(' '));
            join(whole.map(str::to_owned))
        }
        // A mark that the answer turns back into a line end.
        Some(Defect::CopiesControlOctets) => {
            text.replace("\rX-", "%X-").replace("\0X-", "%X-")
        }
        _ => text,
    };
    text.chars().map(|char| char as u8).collect()
}

fn join(lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = lines.collect();
    lines.join("\r\n") + "\r\n\r\n"
}

/// The values that an answer could copy, with the marks turned back.
pub(crate) fn offers(head: &[u8]) -> Vec<String> {
    const NAMES: [&str; 3] = [
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Origin",
    ];
    String::from_utf8_lossy(head)
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| NAMES.contains(name))
        .map(|(_, value)| value.replace('%', "\r\n"))
        .collect()
}

/// Where the content ends (RFC 9112 §6.3); an error if nobody can know.
pub(crate) fn content(fields: &Fields) -> Result<Content, ()> {
    let mut codings = fields.list("Transfer-Encoding");
    let lengths: Vec<_> = fields.all("Content-Length").collect();
    match (codings.next(), &lengths[..]) {
        (None, []) => Ok(Content::Length(0)),
        (None, [length]) => {
            let digits = length.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(length).map_err(drop)?;
            match digits {
                true => length.parse().map(Content::Length).map_err(drop),
                false => Err(()),
            }
        }
        (Some(b"chunked"), []) => Ok(Content::Chunks),
        _ => Err(()),
    }
}

/// How many octets the content takes; `None` if more have to come.
pub(crate) fn length_of(
    content: &Content,
    received: &[u8],
) -> Result<Option<usize>, ()> {
    match content {
        Content::Length(length) => {
            Ok((received.len() >= *length).then_some(*length))
        }
        Content::Chunks => {
            let mut taken = 0;
            loop {
                let rest = &received[taken..];
                let end = rest.windows(2).position(|it| it == b"\r\n");
                let Some(end) = end else { return Ok(None) };
                let size = std::str::from_utf8(&rest[..end]).map_err(drop)?;
                let size = usize::from_str_radix(size, 16).map_err(drop)?;
                taken += end + 2 + size + 2;
                if taken > received.len() {
                    return Ok(None);
                }
                if size == 0 {
                    return Ok(Some(taken));
                }
            }
        }
    }
}

/// Whether the endpoint breaks on what is offered.
pub(crate) fn is_too_much(fields: &Fields, defect: Option<Defect>) -> bool {
    let mut offers = fields
        .all("Sec-WebSocket-Protocol")
        .chain(fields.all("Sec-WebSocket-Extensions"));
    match defect {
        Some(Defect::BreaksOnLongOffers) => {
            offers.any(|offer| offer.len() > 8000)
        }
        Some(Defect::BreaksOnOddNames) => offers.any(|offer| {
            let offer = String::from_utf8_lossy(offer);
            ["constructor", "__proto__", "toString"]
                .iter()
                .any(|name| offer.contains(name))
        }),
        _ => false,
    }
}

/// What a parser does that goes back to the beginning at each octet, for
/// each kind of thing that could stand there.
pub(crate) fn read_offers_again(fields: &Fields) {
    const KINDS: usize = 16;
    let offers = fields
        .all("Sec-WebSocket-Protocol")
        .chain(fields.all("Sec-WebSocket-Extensions"));
    for offer in offers {
        for end in (0..offer.len()).flat_map(|end| [end; KINDS]) {
            for octet in &offer[..end] {
                std::hint::black_box(octet);
            }
        }
    }
}

/// Whether subprotocols or extensions break their grammar (RFC 6455 §4.1 and
/// §9.1).
pub(crate) fn is_malformed_offer(fields: &Fields) -> bool {
    let mut names: Vec<_> = fields.list("Sec-WebSocket-Protocol").collect();
    let all_tokens = names.iter().all(|name| is_token(name));
    let offered = fields.contains("Sec-WebSocket-Protocol");
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    let subprotocols =
        offered && (count == 0 || !all_tokens || names.len() < count);
    let extensions = fields
        .list("Sec-WebSocket-Extensions")
        .any(|extension| !is_extension(extension));
    subprotocols || extensions
}

fn is_extension(extension: &[u8]) -> bool {
    let mut parts = extension
        .split(|octet| *octet == b';')
        .map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    is_token(name)
        && parts.all(|parameter| {
            match parameter.iter().position(|octet| *octet == b'=') {
                None => is_token(parameter),
                Some(at) => {
                    let value = &parameter[at + 1..];
                    let quoted = value
                        .strip_prefix(b"\"")
                        .and_then(|value| value.strip_suffix(b"\""));
                    is_token(&parameter[..at])
                        && is_token(quoted.unwrap_or(value))
                }
            }
        })
}

fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty()
        && octets.iter().all(|octet| {
            octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet)
        })
}
