//! All that a request is checked against, in one value for a framework to
//! carry to its middleware.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::access::AllowList;
use crate::limiter::{Limiter, client};
use crate::opening::check_opening;
use crate::{Fields, Place, Refusal, Register, Settings, Version};

/// The checks of the HTTP phase. Clones are the same policy.
///
/// They stand in the order in which a request should meet them: what costs
/// nothing and stops a flood comes first, and who may not connect is not told
/// what else is wrong.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The settings of the server.
    pub settings: Arc<Settings>,
    /// The connections that have passed.
    pub register: Register,
    origins: Arc<AllowList>,
    limiter: Arc<Limiter>,
}

impl Policy {
    /// The policy of a server that listens here.
    #[must_use]
    pub fn new(settings: Settings, listening: SocketAddr) -> Self {
        let settings = Arc::new(settings);
        Self {
            origins: Arc::new(settings.allow_list().or_own(listening)),
            limiter: Arc::new(Limiter::new(settings.max_handshakes)),
            register: Register::new(Arc::clone(&settings)),
            settings,
        }
    }

    /// Refuses an address that asks too often.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`].
    pub fn check_rate<'a>(
        &self,
        peer: SocketAddr,
        fields: impl Fields<'a>,
    ) -> Result<(), Refusal> {
        let behind_proxy = self.settings.behind_proxy;
        let client = client(peer, behind_proxy, fields);
        if behind_proxy {
            let span = tracing::Span::current();
            span.record("client", tracing::field::display(client));
        }
        self.limiter.check(client)
    }

    /// Refuses an origin that is not in the allow-list.
    ///
    /// # Errors
    ///
    /// [`Refusal::Origin`].
    pub fn check_origin<'a>(
        &self,
        fields: impl Fields<'a>,
    ) -> Result<(), Refusal> {
        self.origins.check(fields)
    }

    /// Refuses a request without the token.
    ///
    /// # Errors
    ///
    /// [`Refusal::Credential`].
    pub fn check_credential<'a>(
        &self,
        fields: impl Fields<'a>,
    ) -> Result<(), Refusal> {
        self.settings.token.check(fields)
    }

    /// Refuses what is not an opening handshake of version 13.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the status code that fits.
    pub fn check_opening<'a>(
        &self,
        method: &str,
        version: Version,
        fields: impl Fields<'a>,
    ) -> Result<(), Refusal> {
        check_opening(method, version, fields)
    }

    /// Takes a place for a connection.
    ///
    /// # Errors
    ///
    /// [`Refusal::Full`] and [`Refusal::Leaving`].
    pub fn enter(&self) -> Result<Place, Refusal> {
        self.register.enter()
    }
}
