//! Memory that is wanted soon.

use std::hint::black_box;

/// Looks at a value and does nothing with it. A processor waits for memory only where what it does next hangs on it, so what is looked at
/// together is waited for together.
#[inline(always)]
pub fn fetch<T: Copy>(value: Option<&T>) {
    black_box(value.copied());
}
