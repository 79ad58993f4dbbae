//! Findings that are not about one charge's arithmetic.

/// A finding beside the charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    BalanceMismatch,
    GroupUnknown,
    NegativeCharge,
    SaturatedCharge,
    RefundWithoutCharge,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Violation,
    Notice,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Level::Violation => "violation",
            Level::Notice => "notice",
        }
    }
}

impl Policy {
    pub fn word(self) -> &'static str {
        match self {
            Policy::BalanceMismatch => "balance-mismatch",
            Policy::GroupUnknown => "group-unknown",
            Policy::NegativeCharge => "negative-charge",
            Policy::SaturatedCharge => "saturated-charge",
            Policy::RefundWithoutCharge => "refund-without-charge",
        }
    }

    pub fn level(self) -> Level {
        match self {
            Policy::BalanceMismatch => Level::Violation,
            _ => Level::Notice,
        }
    }

    /// What is said of rows where nothing else is.
    pub fn sentence(self) -> &'static str {
        match self {
            Policy::BalanceMismatch => "a user's balance and log do not agree",
            Policy::GroupUnknown => "the config has no ratio for this group; the gateway takes 1",
            Policy::NegativeCharge => "the charge is negative: the user gets points",
            Policy::SaturatedCharge => "the charge is the largest or smallest that 32 bits hold",
            Policy::RefundWithoutCharge => "the charge that is given back is not in the input",
        }
    }
}
