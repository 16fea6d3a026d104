//! Lengths that are announced and never come, or come where they should not.

use rfc6455::{Frame, Header, LengthForm, MaskingKey, Opcode};

use super::super::until_failed;
use crate::case::{cases, family};
use crate::peer::{Incoming, Peer};
use crate::verdict::{Finding, Verdict};

family! { ANNOUNCED, Peer:
    /// A frame of 2 GiB and more fails the connection when its header has come:
    /// nothing of it has to be read, and no room to be made.
    Guidance "hostile/length/announced/" ["6455-10.4-02"]
        seen "CVE-2020-13935 (Tomcat), CVE-2020-27813 (gorilla/websocket), \
              CVE-2022-35922 (websocket crate), CVE-2026-54274 (aiohttp)"
        => fails_at_the_header;

    "2-to-31" (1 << 31);
    "2-to-32" (1 << 32);
    "2-to-60" (1 << 60);
    "2-to-63-less-1" ((1 << 63) - 1);
}

family! { ILLEGAL, Peer:
    /// A frame that its header makes illegal fails the connection at once,
    /// however much is announced to follow.
    Guidance "hostile/length/illegal-header/" ["6455-10.7-01"]
        seen "CVE-2026-19204 (Jetty)"
        => illegal_at_the_header;

    "unknown-opcode" (header(3));
    "reserved-bit" (Header { rsv: 0b100, ..header(2) });
    "unmasked" (Header { masking_key: None, ..header(2) });
    "ping" (header(9));
    "unfinished-close" (Header { fin: false, ..header(8) });
    "continuation" (header(0));
}

cases! { Peer:
    /// A frame of one octet over the declared limit fails the connection when
    /// its header has come.
    Guidance "hostile/length/announced/limit-and-1" ["6455-10.4-01"]
        => fails_over_the_limit;
    /// Who sends on what was too much from the beginning is not listened to.
    Guidance "hostile/length/streamed-over-the-limit" ["6455-10.4-02"]
        seen "CVE-2026-54274 (aiohttp)"
        => streamed_over_the_limit;
}

/// A header that announces 1 MiB.
fn header(opcode: u8) -> Header {
    let opcode = Opcode::new(opcode).unwrap_or(Opcode::BINARY);
    Header {
        masking_key: Some(MaskingKey([7, 7, 7, 7])),
        length_form: LengthForm::Bits64,
        payload_length: 1 << 20,
        ..Frame::new(opcode, "").header()
    }
}

async fn send_header(peer: &mut Peer, header: &Header) -> Verdict {
    let mut octets = Vec::new();
    header.encode(&mut octets);
    peer.send_octets(&octets).await
}

/// Only a violator is waited for.
async fn acts_at_the_header(peer: &mut Peer) -> Verdict {
    const EXPECTED: &str =
        "the end of the connection before any payload data comes";
    match peer.acts_soon().await? {
        Some(Incoming::End(_)) => Ok(()),
        Some(Incoming::Close(_)) => peer.expect_end().await.map(drop),
        Some(got) => Err(Finding::violation(EXPECTED, got)),
        None => Err(Finding::violation(EXPECTED, "nothing")),
    }
}

async fn fails_at_the_header(peer: &mut Peer, length: u64) -> Verdict {
    let header = Header {
        payload_length: length,
        ..header(2)
    };
    send_header(peer, &header).await?;
    acts_at_the_header(peer).await
}

async fn illegal_at_the_header(peer: &mut Peer, header: Header) -> Verdict {
    send_header(peer, &header).await?;
    acts_at_the_header(peer).await
}

async fn fails_over_the_limit(peer: &mut Peer) -> Verdict {
    let declared = peer.declared();
    let limit = declared.max_frame.or(declared.max_message);
    let Some(limit) = limit else {
        return Err(Finding::Unsupported(
            "the server declares neither max-frame nor max-message".to_owned(),
        ));
    };
    fails_at_the_header(peer, limit + 1).await
}

/// 16 MiB of a frame that announces 4 GiB.
async fn streamed_over_the_limit(peer: &mut Peer) -> Verdict {
    let header = Header {
        payload_length: 1 << 32,
        ..header(2)
    };
    send_header(peer, &header).await?;
    let part = vec![0; 64 << 10];
    for _ in 0..256 {
        if !peer.send_while_silent(&part).await? {
            break;
        }
    }
    until_failed(peer, &[]).await.map(drop)
}
