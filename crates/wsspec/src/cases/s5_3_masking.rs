//! §5.3, client-to-server masking: any key, any length, any cut.

use rfc6455::{Frame, MaskingKey, Opcode};

use super::takes;
use crate::case::{cases, family};
use crate::peer::Peer;
use crate::verdict::Verdict;

cases! { Peer:
    /// A payload is unmasked with a key of zeros.
    Must "6455/5.3/any-key-is-a-key/zeros" ["6455-5.3-01", "6455-6.2-05"]
        => any_length_with([0, 0, 0, 0]);
    /// A payload is unmasked with a key of ones.
    Must "6455/5.3/any-key-is-a-key/ones" ["6455-5.3-01", "6455-6.2-05"]
        => any_length_with([0xff, 0xff, 0xff, 0xff]);
    /// Octet i of a payload is unmasked with octet i modulo 4 of the key.
    Must "6455/5.3/any-key-is-a-key/order" ["6455-5.3-01", "6455-6.2-05"]
        => any_length_with([1, 2, 3, 4]);
    /// A key may have its highest bit set.
    Must "6455/5.3/any-key-is-a-key/high-bit" ["6455-5.3-01", "6455-6.2-05"]
        => any_length_with([0x80, 0, 0, 1]);
    /// Wherever a masked frame is cut, its payload is unmasked right.
    Must "6455/5.3/any-cut-is-unmasked" ["6455-5.3-01", "6455-5.4-09"]
        => any_cut;
}

family! { APART, Peer:
    /// A frame that arrives in two parts is read as if it had come in one,
    /// wherever it is cut.
    Must "6455/5.3/any-cut-that-arrives-apart/" ["6455-5.3-01", "6455-5.4-09", "6455-5.2-07"]
        seen "mint_web_socket #22, ArduinoHttpClient #203, aiohttp #1951, \
              beast #1061"
        => cuts_apart;

    "6-byte-header" (|| Frame::binary(numbered(15)));
    "8-byte-header" (|| Frame::binary(numbered(300)));
    "14-byte-header" (|| Frame::binary(numbered(65536)));
    "text" (|| Frame::text("k\u{f6}\u{4e16}\u{1F980}s"));
    "ping" (|| Frame::ping(numbered(9)));
}

family! { EACH, Peer:
    /// A frame whose bytes arrive one at a time is read as if it had come in
    /// one piece.
    Must "6455/5.3/each-byte-arrives-alone/" ["6455-5.3-01", "6455-5.4-09"]
        => each_byte_apart;

    "binary" (|| Frame::binary(numbered(15)), 21);
    "16-bit-length" (|| Frame::binary(numbered(300)), 17);
    "64-bit-length" (|| Frame::binary(numbered(65536)), 23);
    "text" (|| Frame::text("k\u{f6}\u{4e16}\u{1F980}s"), 17);
    "ping" (|| Frame::ping(numbered(9)), 15);
}

const KEY: MaskingKey = MaskingKey([0x12, 0x9c, 0x5e, 0xf1]);

async fn any_length_with(peer: &mut Peer, key: [u8; 4]) -> Verdict {
    // An empty payload has nothing to unmask.
    for length in 1..36_u8 {
        let payload: Vec<u8> =
            (0..length).map(|n| n.wrapping_mul(37)).collect();
        let frame = Frame::binary(payload);
        peer.send_as_is(frame.clone().masked(MaskingKey(key)))
            .await?;
        peer.expect(frame).await?;
    }
    Ok(())
}

async fn any_cut(peer: &mut Peer) -> Verdict {
    let frame = Frame::binary("any cut will do");
    let mut octets = Vec::new();
    frame.clone().masked(KEY).encode(&mut octets);
    for cut in 1..octets.len() {
        let (first, second) = octets.split_at(cut);
        peer.send_octets(first).await?;
        peer.apart().await;
        peer.send_octets(second).await?;
        peer.expect(frame.clone()).await?;
    }
    Ok(())
}

fn numbered(length: usize) -> Vec<u8> {
    super::unread::numbered(length, length)
}

fn answer_to(frame: &Frame) -> Frame {
    match frame.opcode {
        Opcode::PING => Frame::pong(frame.payload.clone()),
        _ => frame.clone(),
    }
}

/// Cuts in the header, and the first ones behind it.
async fn cuts_apart(peer: &mut Peer, frame: fn() -> Frame) -> Verdict {
    let frame = frame();
    takes(peer, frame.payload.len())?;
    let mut octets = Vec::new();
    frame.clone().masked(KEY).encode(&mut octets);
    let header = octets.len() - frame.payload.len();
    for cut in 1..octets.len().min(header + 10) {
        let (first, second) = octets.split_at(cut);
        peer.send_octets(first).await?;
        peer.apart().await;
        peer.send_octets(second).await?;
        peer.expect(answer_to(&frame)).await?;
    }
    Ok(())
}

async fn each_byte_apart(
    peer: &mut Peer,
    frame: fn() -> Frame,
    apart: usize,
) -> Verdict {
    let frame = frame();
    takes(peer, frame.payload.len())?;
    let mut octets = Vec::new();
    frame.clone().masked(KEY).encode(&mut octets);
    let (first, rest) = octets.split_at(apart.min(octets.len()));
    for octet in first {
        peer.send_octets(&[*octet]).await?;
        peer.apart().await;
    }
    if !rest.is_empty() {
        peer.send_octets(rest).await?;
    }
    peer.expect(answer_to(&frame)).await
}
