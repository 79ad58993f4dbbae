//! The ratios that a row prints: in the text of a gateway's row with two decimals, in the columns of a plain log exactly.

use crate::exact::{Charged, Exact, Points, Ratio};
use crate::float;
use crate::log::LogEntry;

/// How a row prints its ratios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `倍率：2.50 × 1.00 × 4.00`: model, group and, for text, completion. Since 2025-01-31.
    Signs,
    /// `模型倍率 2.50，分组倍率 1.00[，补全倍率 4.00]`, before that.
    Words,
    /// The same in brackets, behind a sentence that tells the charge. Before 24 June 2023.
    Told,
    /// Columns of a plain log.
    Columns,
}

/// A number as it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    pub value: Ratio,
    /// The text, where it is rounded.
    text: Option<&'a str>,
}

/// What a row prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printed<'a> {
    pub form: Form,
    pub model: Shown<'a>,
    pub group: Option<Shown<'a>>,
    pub completion: Option<Shown<'a>>,
    /// The charge, as a sentence tells it.
    spent: &'a str,
}

/// Numbers of a row that contradict a config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlike<'a> {
    pub model: Option<Shown<'a>>,
    pub completion: Option<Shown<'a>>,
    pub group: Option<Shown<'a>>,
}

const SIGNS: &str = "倍率：";
const MODEL: &str = "模型倍率 ";
const GROUP: &str = "分组倍率 ";
const COMPLETION: &str = "补全倍率 ";
const SPENT: &str = "消耗 ";

/// The ratios of a row: columns before its text.
pub fn of<'r>(entry: &'r LogEntry<'_>) -> Option<Printed<'r>> {
    match entry.ratios.model {
        Some(model) => {
            let [group, completion] = [entry.ratios.group, entry.ratios.completion].map(|ratio| ratio.map(Shown::exact));
            Some(Printed { form: Form::Columns, model: Shown::exact(model), group, completion, spent: "" })
        }
        None => of_text(entry.content),
    }
}

fn of_text(content: &str) -> Option<Printed<'_>> {
    match content.strip_prefix(SIGNS) {
        Some(numbers) => {
            let mut numbers = numbers.split(" × ").map(Shown::leading);
            let (model, group) = (numbers.next()??, numbers.next()??);
            Some(Printed { form: Form::Signs, model, group: Some(group), completion: numbers.next().flatten(), spent: "" })
        }
        None => in_words(content),
    }
}

/// Names of models and tokens stand before the ratios, and may say anything: the last words count.
fn in_words(content: &str) -> Option<Printed<'_>> {
    let (sentence, ratios) = content.split_at(content.rfind(MODEL)?);
    let number = |word: &str| Shown::leading(ratios.split_once(word)?.1);
    let form = if sentence.is_empty() { Form::Words } else { Form::Told };
    let spent = sentence.rsplit_once(SPENT).map_or("", |(_, spent)| spent.trim_end_matches('（'));
    Some(Printed { form, model: number(MODEL)?, group: number(GROUP), completion: number(COMPLETION), spent })
}

impl<'a> Printed<'a> {
    /// The charge that a sentence tells: `1234 点额度` or `＄0.002468 额度`.
    pub fn charged(&self) -> Option<Charged> {
        let amount = self.spent.trim().trim_end_matches("额度").trim_end();
        if let Some(points) = amount.strip_suffix('点') {
            return points.trim().parse().ok().map(|points| Charged::Points(Points(points)));
        }
        let money = amount.trim_start_matches(['＄', '$']);
        Exact::parse(money).map(|amount| Charged::Money { amount, per_usd: Ratio::ONE })
    }

    /// Whether a model with these ratios prints so.
    /// Whether the row is of a time when no completion ratio was printed.
    pub fn is_before_2024(&self) -> bool {
        matches!(self.form, Form::Words | Form::Told) && self.completion.is_none()
    }

    /// Whether a model with these ratios prints so.
    pub fn fits(&self, model: Ratio, completion: Ratio) -> bool {
        self.model.fits(model) && self.completion.is_none_or(|shown| shown.fits(completion))
    }

    /// The numbers that these ratios do not print as; none where all do.
    pub fn unlike(&self, model: Ratio, completion: Ratio, group: Ratio) -> Option<Unlike<'a>> {
        let unlike = Unlike {
            model: Some(self.model).filter(|shown| !shown.fits(model)),
            completion: self.completion.filter(|shown| !shown.fits(completion)),
            group: self.group.filter(|shown| !shown.fits(group)),
        };
        (unlike != Unlike::default()).then_some(unlike)
    }
}

impl<'a> Shown<'a> {
    fn exact(value: Ratio) -> Shown<'a> {
        Shown { value, text: None }
    }

    /// The number that a text begins with.
    fn leading(text: &'a str) -> Option<Shown<'a>> {
        let end = text.find(|c: char| !matches!(c, '-' | '.' | '0'..='9')).unwrap_or(text.len());
        let text = text.get(..end)?;
        text.parse().ok().map(|value| Shown { value, text: Some(text) })
    }

    /// Whether a ratio prints so.
    pub fn fits(&self, ratio: Ratio) -> bool {
        self.text.map_or(self.value == ratio, |text| float::written(ratio, places(text)) == text)
    }

    /// The smallest and the largest number that prints so; none where the number is exact.
    pub fn ends(&self) -> Option<(Ratio, Ratio)> {
        let text = self.text?;
        let places = i16::try_from(places(text)).ok()?;
        let digits: i64 = text.chars().filter(|c| *c != '.').collect::<String>().parse().ok()?;
        let end = |half: i64| Some(Ratio::new(digits.checked_mul(10)?.checked_add(half)?, -places - 1));
        // A small negative number prints as -0.00, any other zero is none.
        Some(match (digits, text.starts_with('-')) {
            (0, true) => (end(-5)?, Ratio::ZERO),
            (0, false) => (Ratio::ZERO, end(5)?),
            _ => (end(-5)?, end(5)?),
        })
    }
}

fn places(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, form: Form, expected: [&str; 3]) {
        let printed = of_text(content).unwrap();
        let text = |shown: Option<Shown<'_>>| shown.and_then(|shown| shown.text.map(str::to_owned)).unwrap_or_default();
        assert_eq!(printed.form, form, "{content}");
        assert_eq!([text(Some(printed.model)), text(printed.group), text(printed.completion)], expected, "{content}");
    }

    #[test]
    fn every_form_of_every_year() {
        check("倍率：0.07 × 1.00 × 4.00", Form::Signs, ["0.07", "1.00", "4.00"]);
        check("倍率：-500000.00 × 0.95", Form::Signs, ["-500000.00", "0.95", ""]);
        check("模型倍率 0.07，分组倍率 1.00", Form::Words, ["0.07", "1.00", ""]);
        check("模型倍率 0.07，分组倍率 1.10，补全倍率 4.00 （注意系统提示词已被重置）", Form::Words, ["0.07", "1.10", "4.00"]);
        check(
            "使用模型 模型倍率 9 消耗 51 点额度（模型倍率 15.00，分组倍率 1.00，补全倍率 2.00）",
            Form::Told,
            ["15.00", "1.00", "2.00"],
        );
        check(
            "通过令牌「消耗 7」使用模型 gpt-4 消耗 ＄0.246914 额度（模型倍率 15.00，分组倍率 0.80）",
            Form::Told,
            ["15.00", "0.80", ""],
        );
        for content in
            ["", "渠道 x 测试成功，响应：ok", "倍率：", "倍率：1.00", "倍率：+Inf × 1.00", "model rate 1.50, group rate 1.00"]
        {
            assert_eq!(of_text(content), None, "{content}");
        }
    }

    #[test]
    fn a_sentence_tells_the_charge() {
        let charged = |content| of_text(content).unwrap().charged();
        let points = charged("使用模型 gpt-4 消耗 51 点额度（模型倍率 15.00，分组倍率 1.00）");
        assert_eq!(points, Some(Charged::Points(Points(51))));
        let money = charged("通过令牌「消耗 7」使用模型 gpt-4 消耗 ＄0.246914 额度（模型倍率 15.00，分组倍率 0.80）").unwrap();
        assert_eq!(money.points(Ratio::new(5, 5)), Points(123_457));
        assert_eq!(charged("模型倍率 1.00，分组倍率 1.00"), None);
    }

    #[test]
    fn two_decimals_bound_a_ratio() {
        let ends = |text| Shown::leading(text).unwrap().ends().map(|(low, high)| (low.to_string(), high.to_string())).unwrap();
        let pair = |low: &str, high: &str| (low.to_owned(), high.to_owned());
        assert_eq!(ends("0.07"), pair("0.065", "0.075"));
        assert_eq!(ends("-0.25"), pair("-0.255", "-0.245"));
        assert_eq!(ends("0.00"), pair("0", "0.005"));
        assert_eq!(ends("-0.00"), pair("-0.005", "0"));
        let shown = Shown::leading("0.07").unwrap();
        assert!(["0.075", "0.0715", "0.06666667"].iter().all(|ratio| shown.fits(ratio.parse().unwrap())));
        assert!(!shown.fits("0.0750001".parse().unwrap()));
    }
}
