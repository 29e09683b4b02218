//! Receipts files: CSV with a header line, one line an acknowledged order, or an
//! acknowledged request to cancel or ship one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use uuid::Uuid;

use crate::error::CannotJudge;
use crate::fold::receipts::Receipt;
use crate::place::{BodyHash, Place, Topic};
use crate::rules::id_of;

const HEADER: &str = "order_id,partition,offset,body_hash,status";

/// Reads a file; gives the number of receipts.
pub fn scan(path: &Path, visit: impl FnMut(&Receipt)) -> Result<u64, CannotJudge> {
    let file = open(path)?;
    scan_lines(file, visit).map_err(|why| unreadable(path, &why))
}

/// The receipts of one order; other lines are passed over unread.
pub fn of_order(path: &Path, order_id: Uuid) -> Result<Vec<Receipt>, CannotJudge> {
    let (mut file, id) = (open(path)?, order_id.to_string());
    let (mut line, mut found) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        let read = file.read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(path, &error.to_string()))? == 0 {
            return Ok(found);
        }
        if line.starts_with(id.as_bytes()) {
            found.extend(receipt(String::from_utf8_lossy(&line).trim_end()));
        }
    }
}

fn open(path: &Path) -> Result<impl BufRead, CannotJudge> {
    let file = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
    Ok(BufReader::with_capacity(1 << 18, file))
}

fn unreadable(path: &Path, why: &str) -> CannotJudge {
    CannotJudge::because(format!("receipts {} cannot be read: {why}", path.display()))
}

fn scan_lines(mut file: impl BufRead, mut visit: impl FnMut(&Receipt)) -> Result<u64, String> {
    let mut line = String::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        if file.read_line(&mut line).map_err(|error| error.to_string())? == 0 {
            break;
        }
        let text = line.trim_end();
        if number == 0 && text != HEADER {
            return Err(format!("its first line is not {HEADER}"));
        }
        if number > 0 {
            let receipt = receipt(text);
            visit(
                &receipt
                    .ok_or_else(|| format!("line {} is no receipt: {text:.100}", number + 1))?,
            );
        }
        number += 1;
    }
    number.checked_sub(1).ok_or_else(|| "it is empty, without even a header".to_owned())
}

fn receipt(line: &str) -> Option<Receipt> {
    let mut fields = line.split(',');
    let order_id = id_of(fields.next()?.as_bytes())?;
    let partition = fields.next()?.parse().ok()?;
    let offset = fields.next()?.parse().ok()?;
    let body = hash(fields.next()?.as_bytes())?;
    let accepted = fields.next()? == "202" && fields.next().is_none();
    let place = Place { topic: Topic::Orders, partition, offset };
    accepted.then_some(Receipt { order_id, place, body })
}

fn hash(digits: &[u8]) -> Option<BodyHash> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let mut hash = [0; 16];
    for (n, byte) in hash.iter_mut().enumerate() {
        let pair = digits.get(2 * n..2 * n + 2)?;
        *byte = u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok()?;
    }
    (digits.len() == 32).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "01990000-0000-7000-8000-000000000001,3,42,000102030405060708090a0b0c0d0eff,202";

    fn read(text: &str) -> Result<Vec<Receipt>, String> {
        let mut receipts = Vec::new();
        let count = scan_lines(text.as_bytes(), |receipt| receipts.push(*receipt))?;
        assert_eq!(count, receipts.len() as u64);
        Ok(receipts)
    }

    #[test]
    fn a_receipt_names_order_place_and_body() {
        let receipts = read(&format!("{HEADER}\n{LINE}\n")).unwrap();
        assert_eq!((receipts[0].place.partition, receipts[0].place.offset), (3, 42));
        assert_eq!((receipts[0].body[1], receipts[0].body[15]), (1, 255));
        assert_eq!(read(&format!("{HEADER}\n")), Ok(vec![]));
    }

    #[test]
    fn a_file_that_is_not_whole_is_not_read() {
        let torn = format!("{HEADER}\n{LINE}\n{}", &LINE[..50]);
        for bad in ["", LINE, &torn, &format!("{HEADER}\n{}", LINE.replace("202", "400"))] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
