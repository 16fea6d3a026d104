//! §6.2, receiving data: messages that are long, cut small, or many. All of
//! Autobahn's group 9, with the octets compared.
//!
//! No RFC obliges a server to take long messages: one that declares a lower
//! limit, or says 1009, is not judged.

use rfc6455::Opcode;

use crate::case::family;
use crate::peer::{Peer, Pieces, Volume};
use crate::verdict::Verdict;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// What a message says, again and again.
type Says = (Opcode, &'static [u8]);

// The units divide no size: an octet too many or too few shows.
const TEXT: Says = (Opcode::TEXT, b"BAsd7&jh23");
const BINARY: Says = (Opcode::BINARY, b"\x00\xfe\x23\xfa\xf0");
/// ASCII of one octet, so that no cut matters.
const STARS: Says = (Opcode::TEXT, b"*");

family! { LONG, Peer volume:
    /// A long message in one frame is echoed whole.
    Must "6455/6.2/long-frame-is-echoed/" ["6455-5.2-07", "6455-5.2-08", "6455-6.2-01", "6455-6.2-05"]
        => long;

    "text-64-kib" autobahn "9.1.1" (TEXT, 64 * KIB);
    "text-256-kib" autobahn "9.1.2" (TEXT, 256 * KIB);
    "text-1-mib" autobahn "9.1.3" (TEXT, MIB);
    "text-4-mib" autobahn "9.1.4" (TEXT, 4 * MIB);
    "text-8-mib" autobahn "9.1.5" (TEXT, 8 * MIB);
    "text-16-mib" autobahn "9.1.6" (TEXT, 16 * MIB);
    "binary-64-kib" autobahn "9.2.1" (BINARY, 64 * KIB);
    "binary-256-kib" autobahn "9.2.2" (BINARY, 256 * KIB);
    "binary-1-mib" autobahn "9.2.3" (BINARY, MIB);
    "binary-4-mib" autobahn "9.2.4" (BINARY, 4 * MIB);
    "binary-8-mib" autobahn "9.2.5" (BINARY, 8 * MIB);
    "binary-16-mib" autobahn "9.2.6" (BINARY, 16 * MIB);
}

family! { FRAGMENTS, Peer volume:
    /// A message of 4 MiB is echoed whole, whatever the size of its
    /// fragments.
    Must "6455/6.2/long-message-is-echoed/" ["6455-5.4-05", "6455-5.4-06", "6455-6.2-03"]
        => in_fragments;

    "text-in-64" autobahn "9.3.1" (STARS, 64);
    "text-in-256" autobahn "9.3.2" (STARS, 256);
    "text-in-1-kib" autobahn "9.3.3" (STARS, KIB);
    "text-in-4-kib" autobahn "9.3.4" (STARS, 4 * KIB);
    "text-in-16-kib" autobahn "9.3.5" (STARS, 16 * KIB);
    "text-in-64-kib" autobahn "9.3.6" (STARS, 64 * KIB);
    "text-in-256-kib" autobahn "9.3.7" (STARS, 256 * KIB);
    "text-in-1-mib" autobahn "9.3.8" (STARS, MIB);
    "text-in-4-mib" autobahn "9.3.9" (STARS, 4 * MIB);
    "binary-in-64" autobahn "9.4.1" (BINARY, 64);
    "binary-in-256" autobahn "9.4.2" (BINARY, 256);
    "binary-in-1-kib" autobahn "9.4.3" (BINARY, KIB);
    "binary-in-4-kib" autobahn "9.4.4" (BINARY, 4 * KIB);
    "binary-in-16-kib" autobahn "9.4.5" (BINARY, 16 * KIB);
    "binary-in-64-kib" autobahn "9.4.6" (BINARY, 64 * KIB);
    "binary-in-256-kib" autobahn "9.4.7" (BINARY, 256 * KIB);
    "binary-in-1-mib" autobahn "9.4.8" (BINARY, MIB);
    "binary-in-4-mib" autobahn "9.4.9" (BINARY, 4 * MIB);
}

family! { SEGMENTS, Peer volume:
    /// A message of 1 MiB is echoed whole, whatever the segments that it
    /// comes in.
    Must "6455/6.2/segments-do-not-matter/" ["6455-5.4-09", "6455-6.2-01"]
        => in_segments;

    "text-in-64" autobahn "9.5.1" (TEXT, 64);
    "text-in-128" autobahn "9.5.2" (TEXT, 128);
    "text-in-256" autobahn "9.5.3" (TEXT, 256);
    "text-in-512" autobahn "9.5.4" (TEXT, 512);
    "text-in-1024" autobahn "9.5.5" (TEXT, 1024);
    "text-in-2048" autobahn "9.5.6" (TEXT, 2048);
    "binary-in-64" autobahn "9.6.1" (BINARY, 64);
    "binary-in-128" autobahn "9.6.2" (BINARY, 128);
    "binary-in-256" autobahn "9.6.3" (BINARY, 256);
    "binary-in-512" autobahn "9.6.4" (BINARY, 512);
    "binary-in-1024" autobahn "9.6.5" (BINARY, 1024);
    "binary-in-2048" autobahn "9.6.6" (BINARY, 2048);
}

family! { MANY, Peer volume:
    /// A thousand messages are echoed, each behind the echo of the one before.
    Must "6455/6.2/message-behind-message/" ["6455-6.2-04", "6455-6.1-05"]
        => thousand;

    "text-of-0" autobahn "9.7.1" (STARS, 0);
    "text-of-16" autobahn "9.7.2" (STARS, 16);
    "text-of-64" autobahn "9.7.3" (STARS, 64);
    "text-of-256" autobahn "9.7.4" (STARS, 256);
    "text-of-1024" autobahn "9.7.5" (STARS, 1024);
    "text-of-4096" autobahn "9.7.6" (STARS, 4096);
    "binary-of-0" autobahn "9.8.1" (BINARY, 0);
    "binary-of-16" autobahn "9.8.2" (BINARY, 16);
    "binary-of-64" autobahn "9.8.3" (BINARY, 64);
    "binary-of-256" autobahn "9.8.4" (BINARY, 256);
    "binary-of-1024" autobahn "9.8.5" (BINARY, 1024);
    "binary-of-4096" autobahn "9.8.6" (BINARY, 4096);
}

async fn long(peer: &mut Peer, says: Says, length: u64) -> Verdict {
    peer.echoes(volume(says, length), Pieces::OneFrame)
        .await
}

async fn in_fragments(peer: &mut Peer, says: Says, each: u64) -> Verdict {
    peer.echoes(volume(says, 4 * MIB), Pieces::Fragments(each))
        .await
}

async fn in_segments(peer: &mut Peer, says: Says, each: usize) -> Verdict {
    peer.echoes(volume(says, MIB), Pieces::Writes(each))
        .await
}

async fn thousand(peer: &mut Peer, says: Says, length: u64) -> Verdict {
    peer.echoes_each(volume(says, length), 1000).await
}

fn volume((opcode, unit): Says, length: u64) -> Volume {
    Volume {
        opcode,
        unit,
        length,
    }
}
