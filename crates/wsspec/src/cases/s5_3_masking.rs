//! §5.3, client-to-server masking: any key, any length, any cut.

use rfc6455::{Frame, MaskingKey};

use crate::case::cases;
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

const KEY: MaskingKey = MaskingKey([0x12, 0x9c, 0x5e, 0xf1]);

async fn any_length_with(peer: &mut Peer, key: [u8; 4]) -> Verdict {
    for length in 0..36_u8 {
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
        tokio::task::yield_now().await;
        peer.send_octets(second).await?;
        peer.expect(frame.clone()).await?;
    }
    Ok(())
}
