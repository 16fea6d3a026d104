//! RFC 7692 in use: messages of several kinds and sizes, compressed, echoed and
//! compared octet for octet. All of Autobahn's groups 12 and 13, with what they
//! offer; what is agreed on is tested beside, in `rfc7692_negotiating`.
//!
//! Autobahn sends a thousand messages in each case, 10.9 GB in all.
//! [`Corpus::count`] says how many show the same, and why; with
//! [`Endpoint::full_volume`](crate::Endpoint::full_volume) it is a thousand.

use rfc6455::Frame;

use crate::case::family;
use crate::corpus;
use crate::corpus::Corpus::{self, Bitmap, Compressed, Html, Json, Prose};
use crate::peer::Peer;
use crate::verdict::{Finding, Verdict};

async fn echoed(
    peer: &mut Peer,
    corpus: Corpus,
    length: usize,
    fragment: Option<usize>,
) -> Verdict {
    peer.echoes_compressed(corpus, length, fragment)
        .await
}

/// Sends messages that don't compress. The compressed form of each is a few
/// bytes longer, how many depends on the compressor, so that one of them just
/// fills a buffer of this size, on its way there and on its way back.
async fn fills_a_buffer(peer: &mut Peer, size: usize) -> Verdict {
    /// As many bytes are added by no compressor.
    const ADDED: usize = 64;
    /// As many bytes has no header of a frame.
    const HEADER: usize = 14;
    let longest = size + HEADER;
    if let Some(most) = peer.declared().max_message
        && most < longest as u64
    {
        return Err(Finding::Unsupported(format!(
            "the declared limit is under {longest} octets"
        )));
    }
    let noise = corpus::noise(longest);
    for length in size - ADDED..=longest {
        let message = Frame::binary(noise.slice(..length));
        peer.send_compressed(message.clone()).await?;
        peer.expect(message).await?;
    }
    Ok(())
}

family! { JSON, Deflated volume:
    /// Compressed messages of JSON are echoed.
    Must "7692/7.2/json/" ["7692-6.1-02", "7692-7.2.1-01", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "12.1.1" (Json, 16, None);
    "64" autobahn "12.1.2" (Json, 64, None);
    "256" autobahn "12.1.3" (Json, 256, None);
    "1024" autobahn "12.1.4" (Json, 1024, None);
    "4096" autobahn "12.1.5" (Json, 4096, None);
    "8192" autobahn "12.1.6" (Json, 8192, None);
    "16384" autobahn "12.1.7" (Json, 16384, None);
    "32768" autobahn "12.1.8" (Json, 32768, None);
    "65536" autobahn "12.1.9" (Json, 65536, None);
    "131072" autobahn "12.1.10" (Json, 131072, None);
    "8192-in-256" autobahn "12.1.11" (Json, 8192, Some(256));
    "16384-in-256" autobahn "12.1.12" (Json, 16384, Some(256));
    "32768-in-256" autobahn "12.1.13" (Json, 32768, Some(256));
    "65536-in-256" autobahn "12.1.14" (Json, 65536, Some(256));
    "131072-in-256" autobahn "12.1.15" (Json, 131072, Some(256));
    "131072-in-1024" autobahn "12.1.16" (Json, 131072, Some(1024));
    "131072-in-4096" autobahn "12.1.17" (Json, 131072, Some(4096));
    "131072-in-32768" autobahn "12.1.18" (Json, 131072, Some(32768));
}

family! { BITMAP, Deflated volume:
    /// Compressed messages of a picture are echoed.
    Must "7692/7.2/bitmap/" ["7692-6.1-02", "7692-7.2.1-01", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "12.2.1" (Bitmap, 16, None);
    "64" autobahn "12.2.2" (Bitmap, 64, None);
    "256" autobahn "12.2.3" (Bitmap, 256, None);
    "1024" autobahn "12.2.4" (Bitmap, 1024, None);
    "4096" autobahn "12.2.5" (Bitmap, 4096, None);
    "8192" autobahn "12.2.6" (Bitmap, 8192, None);
    "16384" autobahn "12.2.7" (Bitmap, 16384, None);
    "32768" autobahn "12.2.8" (Bitmap, 32768, None);
    "65536" autobahn "12.2.9" (Bitmap, 65536, None);
    "131072" autobahn "12.2.10" (Bitmap, 131072, None);
    "8192-in-256" autobahn "12.2.11" (Bitmap, 8192, Some(256));
    "16384-in-256" autobahn "12.2.12" (Bitmap, 16384, Some(256));
    "32768-in-256" autobahn "12.2.13" (Bitmap, 32768, Some(256));
    "65536-in-256" autobahn "12.2.14" (Bitmap, 65536, Some(256));
    "131072-in-256" autobahn "12.2.15" (Bitmap, 131072, Some(256));
    "131072-in-1024" autobahn "12.2.16" (Bitmap, 131072, Some(1024));
    "131072-in-4096" autobahn "12.2.17" (Bitmap, 131072, Some(4096));
    "131072-in-32768" autobahn "12.2.18" (Bitmap, 131072, Some(32768));
}

family! { PROSE, Deflated volume:
    /// Compressed messages of prose, as binary, are echoed.
    Must "7692/7.2/prose/" ["7692-6.1-02", "7692-7.2.1-01", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "12.3.1" (Prose, 16, None);
    "64" autobahn "12.3.2" (Prose, 64, None);
    "256" autobahn "12.3.3" (Prose, 256, None);
    "1024" autobahn "12.3.4" (Prose, 1024, None);
    "4096" autobahn "12.3.5" (Prose, 4096, None);
    "8192" autobahn "12.3.6" (Prose, 8192, None);
    "16384" autobahn "12.3.7" (Prose, 16384, None);
    "32768" autobahn "12.3.8" (Prose, 32768, None);
    "65536" autobahn "12.3.9" (Prose, 65536, None);
    "131072" autobahn "12.3.10" (Prose, 131072, None);
    "8192-in-256" autobahn "12.3.11" (Prose, 8192, Some(256));
    "16384-in-256" autobahn "12.3.12" (Prose, 16384, Some(256));
    "32768-in-256" autobahn "12.3.13" (Prose, 32768, Some(256));
    "65536-in-256" autobahn "12.3.14" (Prose, 65536, Some(256));
    "131072-in-256" autobahn "12.3.15" (Prose, 131072, Some(256));
    "131072-in-1024" autobahn "12.3.16" (Prose, 131072, Some(1024));
    "131072-in-4096" autobahn "12.3.17" (Prose, 131072, Some(4096));
    "131072-in-32768" autobahn "12.3.18" (Prose, 131072, Some(32768));
}

family! { HTML, Deflated volume:
    /// Compressed messages of HTML beyond ASCII are echoed.
    Must "7692/7.2/html/" ["7692-6.1-02", "7692-7.2.1-01", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "12.4.1" (Html, 16, None);
    "64" autobahn "12.4.2" (Html, 64, None);
    "256" autobahn "12.4.3" (Html, 256, None);
    "1024" autobahn "12.4.4" (Html, 1024, None);
    "4096" autobahn "12.4.5" (Html, 4096, None);
    "8192" autobahn "12.4.6" (Html, 8192, None);
    "16384" autobahn "12.4.7" (Html, 16384, None);
    "32768" autobahn "12.4.8" (Html, 32768, None);
    "65536" autobahn "12.4.9" (Html, 65536, None);
    "131072" autobahn "12.4.10" (Html, 131072, None);
    "8192-in-256" autobahn "12.4.11" (Html, 8192, Some(256));
    "16384-in-256" autobahn "12.4.12" (Html, 16384, Some(256));
    "32768-in-256" autobahn "12.4.13" (Html, 32768, Some(256));
    "65536-in-256" autobahn "12.4.14" (Html, 65536, Some(256));
    "131072-in-256" autobahn "12.4.15" (Html, 131072, Some(256));
    "131072-in-1024" autobahn "12.4.16" (Html, 131072, Some(1024));
    "131072-in-4096" autobahn "12.4.17" (Html, 131072, Some(4096));
    "131072-in-32768" autobahn "12.4.18" (Html, 131072, Some(32768));
}

family! { COMPRESSED, Deflated volume:
    /// Messages in which no compressor finds anything are echoed.
    Must "7692/7.2/compressed/" ["7692-6.1-02", "7692-7.2.1-01", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "12.5.1" (Compressed, 16, None);
    "64" autobahn "12.5.2" (Compressed, 64, None);
    "256" autobahn "12.5.3" (Compressed, 256, None);
    "1024" autobahn "12.5.4" (Compressed, 1024, None);
    "4096" autobahn "12.5.5" (Compressed, 4096, None);
    "8192" autobahn "12.5.6" (Compressed, 8192, None);
    "16384" autobahn "12.5.7" (Compressed, 16384, None);
    "32768" autobahn "12.5.8" (Compressed, 32768, None);
    "65536" autobahn "12.5.9" (Compressed, 65536, None);
    "131072" autobahn "12.5.10" (Compressed, 131072, None);
    "8192-in-256" autobahn "12.5.11" (Compressed, 8192, Some(256));
    "16384-in-256" autobahn "12.5.12" (Compressed, 16384, Some(256));
    "32768-in-256" autobahn "12.5.13" (Compressed, 32768, Some(256));
    "65536-in-256" autobahn "12.5.14" (Compressed, 65536, Some(256));
    "131072-in-256" autobahn "12.5.15" (Compressed, 131072, Some(256));
    "131072-in-1024" autobahn "12.5.16" (Compressed, 131072, Some(1024));
    "131072-in-4096" autobahn "12.5.17" (Compressed, 131072, Some(4096));
    "131072-in-32768" autobahn "12.5.18" (Compressed, 131072, Some(32768));
}

family! { AS_OFFERED, Deflated volume:
    /// Compressed messages are echoed where the client may be asked to compress
    /// with less.
    Must "7692/7.1/as-offered/" ["7692-7.1.1-03", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "13.1.1" (Json, 16, None);
    "64" autobahn "13.1.2" (Json, 64, None);
    "256" autobahn "13.1.3" (Json, 256, None);
    "1024" autobahn "13.1.4" (Json, 1024, None);
    "4096" autobahn "13.1.5" (Json, 4096, None);
    "8192" autobahn "13.1.6" (Json, 8192, None);
    "16384" autobahn "13.1.7" (Json, 16384, None);
    "32768" autobahn "13.1.8" (Json, 32768, None);
    "65536" autobahn "13.1.9" (Json, 65536, None);
    "131072" autobahn "13.1.10" (Json, 131072, None);
    "8192-in-256" autobahn "13.1.11" (Json, 8192, Some(256));
    "16384-in-256" autobahn "13.1.12" (Json, 16384, Some(256));
    "32768-in-256" autobahn "13.1.13" (Json, 32768, Some(256));
    "65536-in-256" autobahn "13.1.14" (Json, 65536, Some(256));
    "131072-in-256" autobahn "13.1.15" (Json, 131072, Some(256));
    "131072-in-1024" autobahn "13.1.16" (Json, 131072, Some(1024));
    "131072-in-4096" autobahn "13.1.17" (Json, 131072, Some(4096));
    "131072-in-32768" autobahn "13.1.18" (Json, 131072, Some(32768));
}

family! { NO_TAKEOVER, Deflated volume:
    /// Compressed messages are echoed where the server is asked to compress each
    /// by itself.
    Must "7692/7.1/no-takeover/" ["7692-7.1.1-03", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "13.2.1" (Json, 16, None);
    "64" autobahn "13.2.2" (Json, 64, None);
    "256" autobahn "13.2.3" (Json, 256, None);
    "1024" autobahn "13.2.4" (Json, 1024, None);
    "4096" autobahn "13.2.5" (Json, 4096, None);
    "8192" autobahn "13.2.6" (Json, 8192, None);
    "16384" autobahn "13.2.7" (Json, 16384, None);
    "32768" autobahn "13.2.8" (Json, 32768, None);
    "65536" autobahn "13.2.9" (Json, 65536, None);
    "131072" autobahn "13.2.10" (Json, 131072, None);
    "8192-in-256" autobahn "13.2.11" (Json, 8192, Some(256));
    "16384-in-256" autobahn "13.2.12" (Json, 16384, Some(256));
    "32768-in-256" autobahn "13.2.13" (Json, 32768, Some(256));
    "65536-in-256" autobahn "13.2.14" (Json, 65536, Some(256));
    "131072-in-256" autobahn "13.2.15" (Json, 131072, Some(256));
    "131072-in-1024" autobahn "13.2.16" (Json, 131072, Some(1024));
    "131072-in-4096" autobahn "13.2.17" (Json, 131072, Some(4096));
    "131072-in-32768" autobahn "13.2.18" (Json, 131072, Some(32768));
}

family! { WINDOW_9, Deflated volume:
    /// Compressed messages are echoed where the server is asked for the
    /// smallest window of zlib.
    Must "7692/7.1/window-9/" ["7692-7.1.1-03", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "13.3.1" (Json, 16, None);
    "64" autobahn "13.3.2" (Json, 64, None);
    "256" autobahn "13.3.3" (Json, 256, None);
    "1024" autobahn "13.3.4" (Json, 1024, None);
    "4096" autobahn "13.3.5" (Json, 4096, None);
    "8192" autobahn "13.3.6" (Json, 8192, None);
    "16384" autobahn "13.3.7" (Json, 16384, None);
    "32768" autobahn "13.3.8" (Json, 32768, None);
    "65536" autobahn "13.3.9" (Json, 65536, None);
    "131072" autobahn "13.3.10" (Json, 131072, None);
    "8192-in-256" autobahn "13.3.11" (Json, 8192, Some(256));
    "16384-in-256" autobahn "13.3.12" (Json, 16384, Some(256));
    "32768-in-256" autobahn "13.3.13" (Json, 32768, Some(256));
    "65536-in-256" autobahn "13.3.14" (Json, 65536, Some(256));
    "131072-in-256" autobahn "13.3.15" (Json, 131072, Some(256));
    "131072-in-1024" autobahn "13.3.16" (Json, 131072, Some(1024));
    "131072-in-4096" autobahn "13.3.17" (Json, 131072, Some(4096));
    "131072-in-32768" autobahn "13.3.18" (Json, 131072, Some(32768));
}

family! { WINDOW_15, Deflated volume:
    /// Compressed messages are echoed where the server is asked for the largest
    /// window.
    Must "7692/7.1/window-15/" ["7692-7.1.1-03", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "13.4.1" (Json, 16, None);
    "64" autobahn "13.4.2" (Json, 64, None);
    "256" autobahn "13.4.3" (Json, 256, None);
    "1024" autobahn "13.4.4" (Json, 1024, None);
    "4096" autobahn "13.4.5" (Json, 4096, None);
    "8192" autobahn "13.4.6" (Json, 8192, None);
    "16384" autobahn "13.4.7" (Json, 16384, None);
    "32768" autobahn "13.4.8" (Json, 32768, None);
    "65536" autobahn "13.4.9" (Json, 65536, None);
    "131072" autobahn "13.4.10" (Json, 131072, None);
    "8192-in-256" autobahn "13.4.11" (Json, 8192, Some(256));
    "16384-in-256" autobahn "13.4.12" (Json, 16384, Some(256));
    "32768-in-256" autobahn "13.4.13" (Json, 32768, Some(256));
    "65536-in-256" autobahn "13.4.14" (Json, 65536, Some(256));
    "131072-in-256" autobahn "13.4.15" (Json, 131072, Some(256));
    "131072-in-1024" autobahn "13.4.16" (Json, 131072, Some(1024));
    "131072-in-4096" autobahn "13.4.17" (Json, 131072, Some(4096));
    "131072-in-32768" autobahn "13.4.18" (Json, 131072, Some(32768));
}

family! { NO_TAKEOVER_WINDOW_9, Deflated volume:
    /// Compressed messages are echoed where the server is asked to compress each
    /// by itself, with a small window.
    Must "7692/7.1/no-takeover-window-9/" ["7692-7.1.1-03", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "13.5.1" (Json, 16, None);
    "64" autobahn "13.5.2" (Json, 64, None);
    "256" autobahn "13.5.3" (Json, 256, None);
    "1024" autobahn "13.5.4" (Json, 1024, None);
    "4096" autobahn "13.5.5" (Json, 4096, None);
    "8192" autobahn "13.5.6" (Json, 8192, None);
    "16384" autobahn "13.5.7" (Json, 16384, None);
    "32768" autobahn "13.5.8" (Json, 32768, None);
    "65536" autobahn "13.5.9" (Json, 65536, None);
    "131072" autobahn "13.5.10" (Json, 131072, None);
    "8192-in-256" autobahn "13.5.11" (Json, 8192, Some(256));
    "16384-in-256" autobahn "13.5.12" (Json, 16384, Some(256));
    "32768-in-256" autobahn "13.5.13" (Json, 32768, Some(256));
    "65536-in-256" autobahn "13.5.14" (Json, 65536, Some(256));
    "131072-in-256" autobahn "13.5.15" (Json, 131072, Some(256));
    "131072-in-1024" autobahn "13.5.16" (Json, 131072, Some(1024));
    "131072-in-4096" autobahn "13.5.17" (Json, 131072, Some(4096));
    "131072-in-32768" autobahn "13.5.18" (Json, 131072, Some(32768));
}

family! { NO_TAKEOVER_WINDOW_15, Deflated volume:
    /// Compressed messages are echoed where the server is asked to compress each
    /// by itself, with the largest window.
    Must "7692/7.1/no-takeover-window-15/" ["7692-7.1.1-03", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "13.6.1" (Json, 16, None);
    "64" autobahn "13.6.2" (Json, 64, None);
    "256" autobahn "13.6.3" (Json, 256, None);
    "1024" autobahn "13.6.4" (Json, 1024, None);
    "4096" autobahn "13.6.5" (Json, 4096, None);
    "8192" autobahn "13.6.6" (Json, 8192, None);
    "16384" autobahn "13.6.7" (Json, 16384, None);
    "32768" autobahn "13.6.8" (Json, 32768, None);
    "65536" autobahn "13.6.9" (Json, 65536, None);
    "131072" autobahn "13.6.10" (Json, 131072, None);
    "8192-in-256" autobahn "13.6.11" (Json, 8192, Some(256));
    "16384-in-256" autobahn "13.6.12" (Json, 16384, Some(256));
    "32768-in-256" autobahn "13.6.13" (Json, 32768, Some(256));
    "65536-in-256" autobahn "13.6.14" (Json, 65536, Some(256));
    "131072-in-256" autobahn "13.6.15" (Json, 131072, Some(256));
    "131072-in-1024" autobahn "13.6.16" (Json, 131072, Some(1024));
    "131072-in-4096" autobahn "13.6.17" (Json, 131072, Some(4096));
    "131072-in-32768" autobahn "13.6.18" (Json, 131072, Some(32768));
}

family! { THREE_OFFERS, Deflated volume:
    /// Compressed messages are echoed where the client offers the choice of three
    /// ways.
    Must "7692/7.1/three-offers/" ["7692-7.1.1-03", "7692-7.2.2-01", "6455-6.2-01"]
        => echoed;

    "16" autobahn "13.7.1" (Json, 16, None);
    "64" autobahn "13.7.2" (Json, 64, None);
    "256" autobahn "13.7.3" (Json, 256, None);
    "1024" autobahn "13.7.4" (Json, 1024, None);
    "4096" autobahn "13.7.5" (Json, 4096, None);
    "8192" autobahn "13.7.6" (Json, 8192, None);
    "16384" autobahn "13.7.7" (Json, 16384, None);
    "32768" autobahn "13.7.8" (Json, 32768, None);
    "65536" autobahn "13.7.9" (Json, 65536, None);
    "131072" autobahn "13.7.10" (Json, 131072, None);
    "8192-in-256" autobahn "13.7.11" (Json, 8192, Some(256));
    "16384-in-256" autobahn "13.7.12" (Json, 16384, Some(256));
    "32768-in-256" autobahn "13.7.13" (Json, 32768, Some(256));
    "65536-in-256" autobahn "13.7.14" (Json, 65536, Some(256));
    "131072-in-256" autobahn "13.7.15" (Json, 131072, Some(256));
    "131072-in-1024" autobahn "13.7.16" (Json, 131072, Some(1024));
    "131072-in-4096" autobahn "13.7.17" (Json, 131072, Some(4096));
    "131072-in-32768" autobahn "13.7.18" (Json, 131072, Some(32768));
}

family! { FILLS_A_BUFFER, Deflated volume:
    /// Compressed messages are echoed, also those that just fill a buffer.
    Must "7692/7.2/fills-a-buffer/" ["7692-7.2.1-01", "7692-7.2.2-01", "6455-6.2-01"]
        => fills_a_buffer;

    "65536" (65_536);
    "131072" (131_072);
}
