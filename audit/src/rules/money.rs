//! Money as the audit reads it: a JSON number is an amount when its shortest
//! decimal spelling has at most the currency's digits after the point and at
//! most 15 digits of minor units.

use iso_currency::Currency;

use super::json::Json;

/// The largest amount, in minor units.
pub const MINOR_MAX: i64 = 999_999_999_999_999;

/// An ISO 4217 currency that has minor units, and its digits after the decimal point.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Code {
    letters: [u8; 3],
    digits: u8,
}

impl Code {
    /// What an order without a currency is priced in.
    pub const EUR: Self = Self { letters: *b"EUR", digits: 2 };

    /// Reads an upper-case code.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = u8::try_from(Currency::from_code(text)?.exponent()?).ok()?;
        Some(Self { letters: text.as_bytes().try_into().ok()?, digits })
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.letters).unwrap_or("???")
    }

    /// Digits after the decimal point.
    pub fn digits(self) -> u32 {
        u32::from(self.digits)
    }
}

/// Reads a JSON number as minor units.
pub fn minor(number: &Json<'_>, currency: Code) -> Option<i64> {
    let minor = match number {
        Json::Integer(whole) => whole.checked_mul(10_i64.pow(currency.digits()))?,
        Json::Float(float) => minor_of_float(*float, currency.digits())?,
        _ => return None,
    };
    (0..=MINOR_MAX).contains(&minor).then_some(minor)
}

fn minor_of_float(float: f64, digits: u32) -> Option<i64> {
    if !(0.0..1e15).contains(&float) {
        return None;
    }
    // The shortest decimal that reads back as the same double: the one the sender
    // wrote, when it had 15 digits. One with an exponent is smaller than any unit.
    let mut spelling = ryu::Buffer::new();
    let (whole, fraction) = spelling.format_finite(float.abs()).split_once('.')?;
    let fraction = fraction.trim_end_matches('0');
    let missing = digits.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let whole = whole.parse::<i64>().ok()?.checked_mul(10_i64.pow(digits))?;
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()? };
    whole.checked_add(fraction.checked_mul(10_i64.pow(missing))?)
}

/// Writes units of `10^-digits` as the shortest decimal.
pub fn decimal(units: i128, digits: u32) -> String {
    let scale = 10_i128.pow(digits);
    let sign = if units < 0 { "-" } else { "" };
    let (whole, fraction) = ((units / scale).abs(), (units % scale).abs());
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:0width$}", width = digits as usize);
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(number: &str, code: &str) -> Option<i64> {
        minor(&Json::parse(number.as_bytes())?, Code::parse(code)?)
    }

    #[test]
    fn a_price_has_at_most_the_digits_of_its_currency() {
        assert_eq!(read("19.99", "EUR"), Some(1999));
        assert_eq!(read("19.990", "EUR"), Some(1999));
        assert_eq!(read("1e2", "EUR"), Some(10_000));
        assert_eq!(read("-0", "EUR"), Some(0));
        assert_eq!(read("1.234", "KWD"), Some(1234));
        assert_eq!(read("5", "JPY"), Some(5));
        assert_eq!(read("0.05", "EUR"), Some(5));
        assert_eq!(read("7.0", "EUR"), Some(700));
        assert_eq!(Code::parse("EUR"), Some(Code::EUR));
        assert_eq!(read("9999999999999.99", "EUR"), Some(MINOR_MAX));
        for (bad, code) in [
            ("19.999", "EUR"),
            ("0.30000000000000004", "EUR"),
            ("5.5", "JPY"),
            ("-0.01", "EUR"),
            ("10000000000000", "EUR"),
            ("1e300", "EUR"),
            ("1e-6", "EUR"),
            ("1.5e-7", "CLF"),
            ("\"1\"", "EUR"),
            ("1", "eur"),
            ("1", "XAU"),
        ] {
            assert_eq!(read(bad, code), None, "{bad} {code}");
        }
    }

    #[test]
    fn units_print_as_short_decimals() {
        assert_eq!(decimal(7050, 2), "70.5");
        assert_eq!(decimal(7000, 2), "70");
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(1234, 0), "1234");
        assert_eq!(decimal(1_000_000_000_000_000_001, 3), "1000000000000000.001");
    }
}
