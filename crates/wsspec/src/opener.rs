//! The opener: before an opening handshake of any kind, where extensions are
//! offered and agreed on.
//!
//! A case that only offers something need not know whether the WebSocket is
//! opened by an upgrade or by an extended CONNECT.

use rfc6455::extension::{self, Extension, extensions};
use rfc6455::handshake::Fields;
use rfc7692::{Agreement, Parameters};

use crate::dialer::{Answer, Dialer, blocked};
use crate::endpoint::{Declared, Endpoint};
use crate::peer::Peer;
use crate::verdict::{Finding, Verdict};

/// Opens connections, with offers of permessage-deflate.
#[derive(Debug)]
pub struct Opener(Dialer);

/// The answer to an offer.
#[derive(Debug)]
pub struct Offered {
    /// What came back.
    pub answer: Answer,
    /// The offers that a server may accept: a malformed one is none of them.
    offers: Vec<Parameters>,
}

impl Opener {
    pub(crate) fn new(dialer: Dialer) -> Self {
        Self(dialer)
    }

    /// Opens connections where no extension matters.
    pub fn dialer(&mut self) -> &mut Dialer {
        &mut self.0
    }

    /// What the server declares.
    #[must_use]
    pub fn declared(&self) -> &Declared {
        &self.endpoint().declared
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.0.endpoint()
    }

    /// The connection after a right opening handshake, without extensions.
    ///
    /// # Errors
    ///
    /// [`Finding::Blocked`] if the server does not accept it.
    pub async fn open(&mut self) -> Result<Peer, Finding> {
        self.0.open().await
    }

    /// Sends an opening handshake with this value for
    /// `Sec-WebSocket-Extensions`, be it right or wrong.
    ///
    /// # Errors
    ///
    /// No connection, or a server that does not read.
    pub async fn offer(&mut self, value: &str) -> Result<Offered, Finding> {
        let request = self.0.request().add(extension::FIELD, value);
        let answer = self.0.dial(request).await?;
        Ok(Offered::of(answer, value))
    }

    /// The connection after an opening handshake with this offer.
    ///
    /// # Errors
    ///
    /// [`Finding::Unsupported`] if the server accepts the handshake without the
    /// extension, [`Finding::Blocked`] if it accepts no handshake, or what was
    /// not offered.
    pub async fn deflated(&mut self, offer: &str) -> Result<Peer, Finding> {
        self.offer(offer)
            .await?
            .into_deflated()
            .map_err(blocked)
    }

    /// The same, with what Autobahn's tester sends and offers in this case of
    /// groups 12 and 13, and compressed if the server agrees. Whether the
    /// answer fits the offer is none of its business.
    ///
    /// # Errors
    ///
    /// [`Finding::Blocked`] if the server accepts no handshake, or with
    /// parameters that there are not.
    pub(crate) async fn deflated_as_autobahn(
        &mut self,
        id: &str,
    ) -> Result<Peer, Finding> {
        let offer = crate::autobahn::offer(id);
        let request = self.0.request_of_autobahn();
        let request = request.add(extension::FIELD, &offer);
        let answer = self.0.dial(request).await?;
        let offered = Offered::of(answer, &offer);
        let accepted = offered.accepted().map_err(blocked)?;
        let accepted = accepted.first().map(Parameters::answered);
        let accepted = accepted.transpose().map_err(|bad| {
            Finding::Blocked(format!("the answer agrees on nothing: {bad}"))
        })?;
        let agreement = accepted.map(Agreement::from);
        let peer = offered.answer.into_peer_with(agreement);
        peer.map_err(blocked)
    }
}

impl Offered {
    fn of(answer: Answer, value: &str) -> Self {
        let mut fields = Fields::default();
        fields.push(extension::FIELD.to_owned(), value.as_bytes().to_vec());
        let offers = fields
            .list(extension::FIELD)
            .filter_map(|element| {
                let mut one = Fields::default();
                one.push(extension::FIELD.to_owned(), element.to_vec());
                let extension = extensions(&one).ok()?.pop()?;
                let is_deflate = extension.name == rfc7692::NAME;
                let offer =
                    is_deflate.then(|| Parameters::offered(&extension))?;
                offer.ok()
            });
        Self {
            offers: offers.collect(),
            answer,
        }
    }

    /// What the answer accepts, as it stands there.
    ///
    /// # Errors
    ///
    /// No answer that opens a WebSocket, or one that is no list.
    pub fn accepted(&self) -> Result<Vec<Extension>, Finding> {
        if !self.answer.is_switch() {
            return Err(Finding::violation(
                "an answer that opens the WebSocket",
                self.answer.reply(),
            ));
        }
        extensions(&self.answer.head()?.fields)
            .map_err(|bad| Finding::violation("a list of extensions", bad))
    }

    /// What the answer agrees on; `None` if it accepts no extension.
    ///
    /// # Errors
    ///
    /// No answer that opens a WebSocket, or one that fits no offer.
    pub fn agreement(&self) -> Result<Option<Agreement>, Finding> {
        let accepted = self.accepted()?;
        Agreement::of(&self.offers, &accepted).map_err(|bad| {
            Finding::violation(
                "an answer that accepts what was offered, or nothing of it",
                bad,
            )
        })
    }

    /// Holds if the server goes on without the extension, or refuses the
    /// handshake.
    ///
    /// # Errors
    ///
    /// An offer that is accepted, and a connection that does not work.
    pub async fn expect_declined(self) -> Verdict {
        if !self.answer.is_switch() {
            return self.answer.expect_refusal();
        }
        let accepted = self.accepted()?;
        if let Some(extension) = accepted.first() {
            return Err(Finding::violation(
                "the offer to be declined",
                format_args!("{} is accepted", extension.name),
            ));
        }
        self.answer.into_peer()?.expect_nothing().await
    }

    /// The connection, with compression.
    ///
    /// # Errors
    ///
    /// [`Finding::Unsupported`] if the extension was not accepted, and
    /// otherwise as [`agreement`](Self::agreement).
    pub fn into_deflated(self) -> Result<Peer, Finding> {
        match self.agreement()? {
            None => Err(not_agreed()),
            agreement => self.answer.into_peer_with(agreement),
        }
    }

    /// The connection as it was agreed, with compression or without.
    ///
    /// # Errors
    ///
    /// As [`agreement`](Self::agreement).
    pub fn into_peer(self) -> Result<Peer, Finding> {
        let agreement = self.agreement()?;
        self.answer.into_peer_with(agreement)
    }
}

/// That the server has not the extension.
pub(crate) fn not_agreed() -> Finding {
    Finding::Unsupported(
        "the server has not agreed on permessage-deflate".to_owned(),
    )
}
