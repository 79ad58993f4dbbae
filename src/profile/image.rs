//! Images: the price of one, times a factor of size, quality and number.

use crate::exact::{Exact, Ratio};
use crate::float;
use crate::pricing::Multiplier;

/// An image request as the content tells it (`大小 1024x1024, 品质 hd`). The number stands in the prompt tokens, or in the content since 2026.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    size: &'a str,
    quality: &'a str,
}

/// What an image of model ratio 1 is meant to cost, in USD: the gateway works it out and then charges something else.
const OF_RATIO: Ratio = Ratio::new(25, -4);
/// The upstream model whose quality counts.
pub const WITH_QUALITY: &str = "dall-e-3";
/// More decimals than this no price in USD has.
const MOST_PLACES: u32 = 24;

impl<'a> Image<'a> {
    pub fn of(content: &'a str) -> Option<Image<'a>> {
        Some(Image { size: part(content, "大小 ")?, quality: part(content, "品质 ")? })
    }

    /// The same, where size and quality may be missing.
    pub fn of_parts(content: &'a str) -> Image<'a> {
        Image { size: part(content, "大小 ").unwrap_or(""), quality: part(content, "品质 ").unwrap_or("") }
    }

    /// Only [`WITH_QUALITY`], by its upstream name, has a quality.
    pub fn factors(self, upstream: &str, number: i64) -> Factors {
        Factors { size: self.size(), quality: self.quality(upstream), number }
    }

    /// The price that the row of a model priced by ratio shows.
    pub fn price_of_ratio(self, model: Ratio, upstream: &str, number: i64) -> Ratio {
        self.factors(upstream, number).price(one_of_ratio(model))
    }

    fn is_tall(self) -> bool {
        matches!(self.size, "1024x1792" | "1792x1024")
    }

    fn size(self) -> Ratio {
        match self.size {
            "256x256" => Ratio::new(4, -1),
            "512x512" => Ratio::new(45, -2),
            _ if self.is_tall() => Ratio::from(2),
            _ => Ratio::ONE,
        }
    }

    fn quality(self, upstream: &str) -> Ratio {
        match (upstream, self.quality) {
            (WITH_QUALITY, "hd") if self.is_tall() => Ratio::new(15, -1),
            (WITH_QUALITY, "hd") => Ratio::from(2),
            _ => Ratio::ONE,
        }
    }
}

/// What one image of a model priced by ratio is meant to cost, in USD.
pub fn one_of_ratio(model: Ratio) -> Ratio {
    times(OF_RATIO, model)
}

/// What stands behind a word of a content.
pub fn part<'a>(content: &'a str, word: &str) -> Option<&'a str> {
    content.split(", ").find_map(|part| part.trim().strip_prefix(word))
}

/// What the price of one image is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factors {
    size: Ratio,
    quality: Ratio,
    number: i64,
}

impl Factors {
    fn all(self) -> Ratio {
        times(times(self.size, self.quality), Ratio::from(self.number))
    }

    /// `price · ((size · quality) · n)` in float64.
    pub fn price(self, one: Ratio) -> Ratio {
        times(one, self.all())
    }

    /// The shortest price of one image that makes this price; none where no price does.
    pub fn one(self, price: Ratio) -> Option<Ratio> {
        let all = Exact::from(self.all());
        let near = |places: u32| Exact::from(price).divided_by(&all, places).to_ratio();
        let makes = |one: &Ratio| self.price(*one) == price;
        if all.is_zero() { None } else { (0..=MOST_PLACES).filter_map(near).find(makes) }
    }

    /// As parts of the price: in the order in which they are multiplied.
    pub fn multipliers(self) -> Vec<Multiplier> {
        let mut all = self.of_one();
        all.push(multiplier("n", Ratio::from(self.number)));
        all
    }

    /// Those without the number.
    pub fn of_one(self) -> Vec<Multiplier> {
        vec![multiplier("size", self.size), multiplier("quality", self.quality)]
    }
}

fn multiplier(name: &str, value: Ratio) -> Multiplier {
    Multiplier { name: name.to_owned(), value }
}

fn times(a: Ratio, b: Ratio) -> Ratio {
    float::product(a, b).unwrap_or(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, one: &str, upstream: &str, number: i64, price: &str) {
        let image = Image::of(content).unwrap();
        let (factors, one) = (image.factors(upstream, number), one.parse().unwrap());
        assert_eq!(factors.price(one).to_string(), price);
        assert_eq!(factors.one(price.parse().unwrap()), Some(one));
    }

    #[test]
    fn the_factor_is_multiplied_first_as_float64() {
        check("模型价格 0.01，分组倍率 1.00, 大小 256x256, 品质 hd", "0.0123", "img-p", 1, "0.004920000000000001");
        check("模型价格 0.03，分组倍率 1.00, 大小 1792x1024, 品质 hd", "0.033", "dall-e-3", 3, "0.29700000000000004");
        check("模型价格 0.03，分组倍率 1.00, 大小 1024x1024, 品质 hd", "0.033", "dall-e-2", 2, "0.066");
        check("模型价格 -0.02，分组倍率 1.00, 大小 1024x1024, 品质 standard", "0.0123", "img-p", -2, "-0.0246");
    }

    #[test]
    fn other_contents_are_no_images() {
        assert_eq!(Image::of("模型倍率 1.00，补全倍率 5.00，分组倍率 1.00"), None);
        assert_eq!(Image::of(""), None);
    }
}
