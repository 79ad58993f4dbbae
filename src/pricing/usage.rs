//! Classes of tokens, each with a price of its own.

use std::ops::{Index, IndexMut};

/// A class of tokens. The classes of one [`Terms`](super::Terms) do not overlap, but for those of one-hub
/// ([`Sum::OneHub`](super::Sum::OneHub)), which stand within the prompt and the completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Input that is in no other class: the uncached text.
    Input,
    Cached,
    /// Cache writes without a 5 min / 1 h split.
    CacheWrite,
    CacheWrite5m,
    CacheWrite1h,
    CacheRead,
    TextInput,
    ImageInput,
    AudioInput,
    Output,
    TextOutput,
    ImageOutput,
    AudioOutput,
    Reasoning,
}

/// The prompt or the completion itself comes first.
const fn behind_first<const N: usize>(classes: &[Class]) -> [Class; N] {
    let (mut found, mut at) = ([Class::Input; N], 0);
    while at < N {
        found[at] = classes[at + 1];
        at += 1;
    }
    found
}

impl Class {
    pub const ALL: [Class; 14] = [
        Class::Input,
        Class::Cached,
        Class::CacheWrite,
        Class::CacheWrite5m,
        Class::CacheWrite1h,
        Class::CacheRead,
        Class::TextInput,
        Class::ImageInput,
        Class::AudioInput,
        Class::Output,
        Class::TextOutput,
        Class::ImageOutput,
        Class::AudioOutput,
        Class::Reasoning,
    ];

    /// The classes of the prompt, and those of the answer.
    pub const INPUTS: &'static [Class] = Class::ALL.split_at(Class::Output as usize).0;
    pub const OUTPUTS: &'static [Class] = Class::ALL.split_at(Class::Output as usize).1;

    pub const WRITES: [Class; 3] = [Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h];

    /// The classes of an image that is charged by its tokens as well, in the order of the gateway's sum.
    pub const OF_IMAGES: [Class; 4] = [Class::TextInput, Class::Cached, Class::ImageInput, Class::Output];

    /// The classes within the prompt, and within the answer: see [`Class::is_within`].
    pub(super) const WITHIN_INPUT: [Class; Class::INPUTS.len() - 1] = behind_first(Class::INPUTS);
    pub(super) const WITHIN_OUTPUT: [Class; Class::OUTPUTS.len() - 1] = behind_first(Class::OUTPUTS);

    /// The word of reports.
    pub fn word(self) -> &'static str {
        match self {
            Class::Input => "uncached_tokens",
            Class::Cached => "cached_tokens",
            Class::CacheWrite => "cache_write_tokens",
            Class::CacheWrite5m => "cache_write_5m_tokens",
            Class::CacheWrite1h => "cache_write_1h_tokens",
            Class::CacheRead => "cached_read_tokens",
            Class::TextInput => "text_input_tokens",
            Class::ImageInput => "image_input_tokens",
            Class::AudioInput => "audio_input_tokens",
            Class::Output => "completion_tokens",
            Class::TextOutput => "text_output_tokens",
            Class::ImageOutput => "image_output_tokens",
            Class::AudioOutput => "audio_output_tokens",
            Class::Reasoning => "reasoning_tokens",
        }
    }

    /// The word of the class's rate, as options name it.
    pub fn rate_word(self) -> &'static str {
        match self {
            Class::Input => "model_ratio",
            Class::Cached | Class::CacheRead => "cache_ratio",
            Class::CacheWrite | Class::CacheWrite5m => "create_cache_ratio",
            Class::CacheWrite1h => "create_cache_ratio_1h",
            Class::TextInput => "input_text_tokens_ratio",
            Class::ImageInput => "image_ratio",
            Class::AudioInput => "audio_ratio",
            Class::Output => "completion_ratio",
            Class::TextOutput => "output_text_tokens_ratio",
            Class::ImageOutput => "output_image_tokens_ratio",
            Class::AudioOutput => "audio_completion_ratio",
            Class::Reasoning => "reasoning_tokens_ratio",
        }
    }

    /// Whether it is neither the prompt nor the completion itself.
    pub fn is_within(self) -> bool {
        !matches!(self, Class::Input | Class::Output)
    }

    pub fn is_output(self) -> bool {
        self >= Class::Output
    }
}

/// One value for each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PerClass<T>([T; Class::ALL.len()]);

impl<T: Copy> PerClass<T> {
    pub fn iter(&self) -> impl Iterator<Item = (Class, T)> + '_ {
        Class::ALL.iter().copied().zip(self.0.iter().copied())
    }
}

impl<T> PerClass<T> {
    pub(super) fn map<U>(self, to: impl Fn(T) -> U) -> PerClass<U> {
        PerClass(self.0.map(to))
    }

    /// The values in the order of [`Class::ALL`].
    pub fn values(&self) -> &[T] {
        &self.0
    }
}

impl<T> Index<Class> for PerClass<T> {
    type Output = T;
    fn index(&self, class: Class) -> &T {
        &self.0[class as usize]
    }
}

impl<T> IndexMut<Class> for PerClass<T> {
    fn index_mut(&mut self, class: Class) -> &mut T {
        &mut self.0[class as usize]
    }
}
