//! What a hostile client does with HTTP/2: streams that come and go, frames
//! that cost nothing, room that never comes.

use rfc9113::{ErrorCode, Frame, Setting};

use crate::case::{cases, family};
use crate::http2_peer::{Event, Http2Opener, add};
use crate::measured::Measured;
use crate::verdict::{Finding, Verdict};

const MIB: u64 = 1 << 20;

/// What a process may take whatever it is sent.
const ALLOWANCE: u64 = 32 * MIB;

/// Streams that are opened and reset, and how many of them in one write.
const STREAMS: usize = 2000;
const AT_ONCE: usize = 50;

/// Empty DATA frames, nine octets each, and how many of them in one write.
const EMPTY_FRAMES: usize = 2_000_000;
const EMPTY_AT_ONCE: usize = 2000;

family! { VALUES, Http2:
    /// A value with CR, LF or NUL makes the request malformed.
    Guidance "hostile/http2/value-with-control-octet/" ["8441-5-05"]
        => value_with_control_octet;

    "cr" (b"a\rb");
    "lf" (b"a\nb");
    "nul" (b"a\0b");
    "crlf-field" (b"a\r\nx-injected: 1");
}

cases! { Http2 heavy:
    /// Streams that are opened and reset at once are limited, or end the
    /// connection; others are served.
    Guidance "hostile/http2/rapid-reset" ["8441-5-08"]
        seen "CVE-2023-44487, RUSTSEC-2023-0034 (h2)"
        => rapid_reset;
    /// WebSockets that are opened and reset leave room for others.
    Guidance "hostile/http2/opened-and-reset" ["8441-5-08"]
        => opened_and_reset;
}

mod measured {
    use super::*;

    cases! { MeasuredHttp2:
        /// Empty DATA frames, which no window counts, cost no memory.
        Guidance "hostile/memory/empty-data-frames" ["8441-5-11"]
            seen "RUSTSEC-2026-0258 (h2)"
            => empty_data_frames;
        /// Echoes for streams that the client gives no room are not collected
        /// without end.
        Guidance "hostile/memory/stalled-streams" ["8441-5-11"]
            seen "CVE-2019-9517"
            => stalled_streams;
    }
}

pub(in crate::cases) const MEASURED: &[crate::Case] = measured::CASES;

async fn value_with_control_octet(
    opener: &mut Http2Opener,
    value: &'static [u8],
) -> Verdict {
    let mut peer = opener.connect().await?;
    peer.open(opener.request()).await?;
    let fields = add(opener.request(), "x-value", value);
    let stream = peer.begin(fields).await?;
    peer.expect_refusal_on(stream).await
}

/// Holds if a connection of its own is served.
async fn others_are_served(opener: &mut Http2Opener) -> Verdict {
    let served = async {
        let mut peer = opener.connect().await?;
        let stream = peer.open(opener.request()).await?;
        peer.echoes(stream, "Is anybody there?").await
    };
    served
        .await
        .map_err(|finding| super::nobody_is_served(&finding))
}

async fn rapid_reset(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let mut stream = 1;
    for _ in 0..STREAMS / AT_ONCE {
        let mut frames = Vec::new();
        for _ in 0..AT_ONCE {
            let section = rfc9113::Section {
                stream,
                fields: opener.request(),
                ends_stream: false,
            };
            frames.extend(section.frames(16_384));
            frames.push(Frame::rst_stream(stream, ErrorCode::CANCEL));
            stream += 2;
        }
        // Whoever has had enough need not read the rest.
        if peer.send_many(&frames).await.is_err() {
            break;
        }
    }
    peer.fence().await?;
    others_are_served(opener).await
}

async fn opened_and_reset(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    for number in 0..300 {
        let stream = peer.begin(opener.request()).await?;
        match peer.next_on(stream).await? {
            Event::Head(..) => {}
            // A limit is as good, as long as it is told.
            Event::Reset(..) | Event::GoAway(_) | Event::End(_)
                if number >= 100 =>
            {
                break;
            }
            event => {
                return Err(Finding::violation(
                    "an answer, or a limit over a hundred streams",
                    event,
                ));
            }
        }
        peer.send(Frame::rst_stream(stream, ErrorCode::CANCEL))
            .await?;
    }
    others_are_served(opener).await
}

async fn empty_data_frames(measured: &mut Measured) -> Verdict {
    let memory = measured.memory()?;
    let mut opener = measured.http2();
    let mut peer = opener.connect().await?;
    let stream = peer.open(opener.request()).await?;
    let frames = vec![Frame::data(stream, ""); EMPTY_AT_ONCE];
    for _ in 0..EMPTY_FRAMES / EMPTY_AT_ONCE {
        if peer.send_many(&frames).await.is_err() {
            break;
        }
    }
    peer.fence().await?;
    others_are_served(&mut opener).await?;
    memory.is_within(ALLOWANCE, "for empty DATA frames")
}

async fn stalled_streams(measured: &mut Measured) -> Verdict {
    const EACH: usize = 60_000;
    let memory = measured.memory()?;
    let mut opener = measured.http2();
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let settings = [(Setting::INITIAL_WINDOW_SIZE, 0)];
        let mut peer = opener.connect_with(&settings).await?;
        for _ in 0..10 {
            let stream = peer.begin(opener.request()).await?;
            match peer.next_on(stream).await? {
                Event::Head(..) => {}
                _ => break,
            }
            let text = rfc6455::Frame::text("s".repeat(EACH));
            peer.send_on(stream, text).await?;
        }
        stalled.push(peer);
    }
    others_are_served(&mut opener).await?;
    memory.is_within(ALLOWANCE + 200 * 512 * 1024, "for 200 stalled streams")
}
