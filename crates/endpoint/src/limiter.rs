//! How often one address may ask.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::{Fields, Refusal};

/// After so many questions the addresses that have not asked lately are
/// forgotten, so that memory does not grow with every new one.
const FORGET_EVERY: u32 = 4096;

/// Lets an address ask so often at once, and as often again every minute.
#[derive(Debug)]
pub(crate) struct Limiter {
    asked: DefaultKeyedRateLimiter<IpAddr>,
    questions: AtomicU32,
}

impl Limiter {
    /// A limiter of so many questions per minute and address.
    #[must_use]
    pub(crate) fn new(per_minute: NonZeroU32) -> Self {
        Self {
            asked: RateLimiter::keyed(Quota::per_minute(per_minute)),
            questions: AtomicU32::new(0),
        }
    }

    /// Counts a question, or refuses it.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`].
    pub(crate) fn check(&self, client: IpAddr) -> Result<(), Refusal> {
        let count = self.questions.fetch_add(1, Ordering::Relaxed);
        if count % FORGET_EVERY == FORGET_EVERY - 1 {
            self.asked.retain_recent();
        }
        self.asked
            .check_key(&network(client))
            .map_err(|until| {
                let now = self.asked.clock().now();
                Refusal::TooMany {
                    after: until.wait_time_from(now),
                }
            })
    }
}

/// One address of IPv4, or the network of one subscriber of IPv6, who has as
/// many addresses as they like.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Who asks: the peer, or, behind a proxy, whom the proxy names. A proxy
/// appends to `X-Forwarded-For`, so only its last element is the proxy's word;
/// what stands before that the client may have made up.
#[must_use]
pub(crate) fn client<'a>(
    peer: SocketAddr,
    behind_proxy: bool,
    fields: impl Fields<'a>,
) -> IpAddr {
    let named = fields.elements("x-forwarded-for").last();
    let named = named.filter(|_| behind_proxy);
    let named = named.and_then(|it| std::str::from_utf8(it).ok());
    named.and_then(address).unwrap_or(peer.ip())
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|it: SocketAddr| it.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_address_has_its_own_count() {
        let limiter = Limiter::new(NonZeroU32::new(2).expect("not zero"));
        let one = address("192.0.2.1");
        assert_eq!(limiter.check(one), Ok(()));
        assert_eq!(limiter.check(one), Ok(()));
        let refused = limiter.check(one);
        assert!(
            matches!(refused, Err(Refusal::TooMany { after })
                if after.as_secs() <= 30),
            "{refused:?}"
        );
        assert_eq!(limiter.check(address("192.0.2.2")), Ok(()));
    }

    #[test]
    fn the_addresses_of_one_network_count_together() {
        let limiter = Limiter::new(NonZeroU32::MIN);
        assert_eq!(limiter.check(address("2001:db8::1")), Ok(()));
        assert!(limiter.check(address("2001:db8::2")).is_err());
        assert_eq!(limiter.check(address("2001:db8:0:1::1")), Ok(()));
        assert_eq!(limiter.check(address("192.0.2.1")), Ok(()));
        assert!(
            limiter
                .check(address("::ffff:192.0.2.1"))
                .is_err()
        );
    }

    #[test]
    fn only_a_proxy_can_name_another_address() {
        let peer = "127.0.0.1:4000".parse().expect("an address");
        let line = |_| {
            let line: &[u8] = b"10.0.0.1, 192.0.2.7";
            std::iter::once(line)
        };
        assert_eq!(client(peer, false, line), address("127.0.0.1"));
        assert_eq!(client(peer, true, line), address("192.0.2.7"));
        for (text, expected) in [
            (&b"192.0.2.8:5555"[..], "192.0.2.8"),
            (b"[2001:db8::1]:443", "2001:db8::1"),
            (b"[2001:db8::1]", "2001:db8::1"),
        ] {
            let line = |_| std::iter::once(text);
            assert_eq!(client(peer, true, line), address(expected));
        }
        let nonsense = |_| std::iter::once(&b"unknown"[..]);
        assert_eq!(client(peer, true, nonsense), address("127.0.0.1"));
    }
}
