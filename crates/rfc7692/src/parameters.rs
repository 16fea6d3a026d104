//! What a client offers, what a server answers, and what that agrees on
//! ([RFC 7692 §7.1]).
//!
//! [RFC 7692 §7.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1

use std::fmt;

use rfc6455::extension::Extension;

use crate::{MAX_WINDOW_BITS, NAME};

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The parameters of one offer, or of the answer to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The server compresses each message by itself.
    pub server_no_context_takeover: bool,
    /// The client compresses each message by itself.
    pub client_no_context_takeover: bool,
    /// The server's window is no larger than 2 to the power of this many
    /// octets.
    pub server_max_window_bits: Option<u8>,
    /// The same of the client's; in an offer it may stand without a value,
    /// and then says only that the answer may have one.
    pub client_max_window_bits: Option<Option<u8>>,
}

/// Why an element is no offer, or no answer
/// ([RFC 7692 §7](https://www.rfc-editor.org/rfc/rfc7692#section-7)).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadParameter {
    /// The extension does not define it.
    #[error("permessage-deflate has no parameter {0}")]
    Unknown(String),
    /// It stands there twice.
    #[error("{0} stands there twice")]
    Repeated(String),
    /// It has a value and takes none.
    #[error("{0} takes no value, and has {1:?}")]
    HasValue(String, String),
    /// It has no value and needs one.
    #[error("{0} needs a value")]
    LacksValue(String),
    /// Its value is no number of 8 to 15 without leading zeros.
    #[error("{0} is {1:?}, no number of 8 to 15")]
    WindowBits(String, String),
}

impl Parameters {
    /// Reads an element of a client's offer.
    ///
    /// # Errors
    ///
    /// The first parameter for which a server has to decline it.
    pub fn offered(element: &Extension) -> Result<Self, BadParameter> {
        Self::of(element, true)
    }

    /// Reads an element of a server's answer.
    ///
    /// # Errors
    ///
    /// The first parameter for which a client has to fail the connection.
    pub fn answered(element: &Extension) -> Result<Self, BadParameter> {
        Self::of(element, false)
    }

    fn of(element: &Extension, is_offer: bool) -> Result<Self, BadParameter> {
        let mut parameters = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in &element.parameters {
            if seen.contains(&name.as_str()) {
                return Err(BadParameter::Repeated(name.clone()));
            }
            seen.push(name);
            let value = value.as_deref();
            match name.as_str() {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    parameters.server_no_context_takeover = none(name, value)?;
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    parameters.client_no_context_takeover = none(name, value)?;
                }
                SERVER_MAX_WINDOW_BITS => {
                    parameters.server_max_window_bits =
                        Some(window_bits(name, value)?);
                }
                CLIENT_MAX_WINDOW_BITS if is_offer && value.is_none() => {
                    parameters.client_max_window_bits = Some(None);
                }
                CLIENT_MAX_WINDOW_BITS => {
                    parameters.client_max_window_bits =
                        Some(Some(window_bits(name, value)?));
                }
                _ => return Err(BadParameter::Unknown(name.clone())),
            }
        }
        Ok(parameters)
    }
}

/// True, for a parameter that stands there without a value.
fn none(name: &str, value: Option<&str>) -> Result<bool, BadParameter> {
    match value {
        None => Ok(true),
        Some(value) => {
            Err(BadParameter::HasValue(name.to_owned(), value.to_owned()))
        }
    }
}

fn window_bits(name: &str, value: Option<&str>) -> Result<u8, BadParameter> {
    let Some(value) = value else {
        return Err(BadParameter::LacksValue(name.to_owned()));
    };
    match value {
        "8" | "9" => Ok(value.as_bytes()[0] - b'0'),
        "10" | "11" | "12" | "13" | "14" | "15" => {
            Ok(10 + value.as_bytes()[1] - b'0')
        }
        _ => Err(BadParameter::WindowBits(name.to_owned(), value.to_owned())),
    }
}

/// As an element of the field's list.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            write!(f, "; {SERVER_NO_CONTEXT_TAKEOVER}")?;
        }
        if self.client_no_context_takeover {
            write!(f, "; {CLIENT_NO_CONTEXT_TAKEOVER}")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; {SERVER_MAX_WINDOW_BITS}={bits}")?;
        }
        match self.client_max_window_bits {
            None => Ok(()),
            Some(None) => write!(f, "; {CLIENT_MAX_WINDOW_BITS}"),
            Some(Some(bits)) => {
                write!(f, "; {CLIENT_MAX_WINDOW_BITS}={bits}")
            }
        }
    }
}

/// How both sides compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Whether the server's messages may refer to those before.
    pub server_takes_over: bool,
    /// Whether the client's messages may.
    pub client_takes_over: bool,
    /// The server's window is 2 to the power of this many octets.
    pub server_window_bits: u8,
    /// The client's window.
    pub client_window_bits: u8,
}

/// Why an answer agrees on nothing that was offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAgreement {
    /// An extension that was not offered is accepted
    /// ([RFC 6455 §9.1](https://www.rfc-editor.org/rfc/rfc6455#section-9.1)).
    #[error("{0} was not offered")]
    NotOffered(String),
    /// The extension is accepted more than once
    /// ([§5](https://www.rfc-editor.org/rfc/rfc7692#section-5)).
    #[error("permessage-deflate is accepted twice")]
    Twice,
    /// A parameter is none, or has a wrong value.
    #[error(transparent)]
    Parameter(#[from] BadParameter),
    /// An offer asked for it, and accepting that offer repeats it
    /// ([§7.1.1.1](https://www.rfc-editor.org/rfc/rfc7692#section-7.1.1.1)).
    #[error("server_no_context_takeover was asked for and is not there")]
    LacksServerTakeover,
    /// An offer asked for it, and accepting that offer names the same value
    /// or a smaller one
    /// ([§7.1.2.1](https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.1)).
    #[error("server_max_window_bits={0} was asked for and is not there")]
    LacksServerWindow(u8),
    /// The same, with a larger value.
    #[error("server_max_window_bits={0} was asked for, and {1} is answered")]
    ServerWindow(u8, u8),
    /// The client has not said that it can be asked
    /// ([§7.1.2.2](https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2.2)).
    #[error("client_max_window_bits is there, and the offer has none")]
    ClientWindowUnasked,
    /// It is larger than what was offered.
    #[error("client_max_window_bits={0} was offered, and {1} is answered")]
    ClientWindow(u8, u8),
}

impl Agreement {
    /// What an answer agrees on, given all that was offered; `None` if it
    /// accepts no extension.
    ///
    /// An answer does not say which offer it accepts, so it has to fit one of
    /// them.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks, of the offer that is named last.
    pub fn of(
        offers: &[Parameters],
        answer: &[Extension],
    ) -> Result<Option<Self>, BadAgreement> {
        let other = answer
            .iter()
            .find(|element| element.name != NAME || offers.is_empty());
        if let Some(element) = other {
            return Err(BadAgreement::NotOffered(element.name.clone()));
        }
        let accepted = match answer {
            [] => return Ok(None),
            [accepted] => Parameters::answered(accepted)?,
            _ => return Err(BadAgreement::Twice),
        };
        let mut fits = Ok(());
        for offer in offers {
            fits = accepted.fits(offer);
            if fits.is_ok() {
                break;
            }
        }
        fits?;
        Ok(Some(Self::from(accepted)))
    }
}

/// What an answer with these parameters agrees on, whatever was offered.
impl From<Parameters> for Agreement {
    fn from(answer: Parameters) -> Self {
        let server = answer.server_max_window_bits;
        let client = answer.client_max_window_bits.flatten();
        Self {
            server_takes_over: !answer.server_no_context_takeover,
            client_takes_over: !answer.client_no_context_takeover,
            server_window_bits: server.unwrap_or(MAX_WINDOW_BITS),
            client_window_bits: client.unwrap_or(MAX_WINDOW_BITS),
        }
    }
}

impl Parameters {
    /// Whether this answer accepts that offer.
    fn fits(&self, offer: &Self) -> Result<(), BadAgreement> {
        if offer.server_no_context_takeover && !self.server_no_context_takeover
        {
            return Err(BadAgreement::LacksServerTakeover);
        }
        match (offer.server_max_window_bits, self.server_max_window_bits) {
            (Some(asked), None) => {
                return Err(BadAgreement::LacksServerWindow(asked));
            }
            (Some(asked), Some(answered)) if answered > asked => {
                return Err(BadAgreement::ServerWindow(asked, answered));
            }
            _ => {}
        }
        match (offer.client_max_window_bits, self.client_max_window_bits) {
            (None, Some(_)) => Err(BadAgreement::ClientWindowUnasked),
            (Some(Some(offered)), Some(Some(answered)))
                if answered > offered =>
            {
                Err(BadAgreement::ClientWindow(offered, answered))
            }
            _ => Ok(()),
        }
    }
}
