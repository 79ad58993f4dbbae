//! Rows of the three gateways, with their charges.
