//! Reads ahead: who asks for one item of a table after the other gets the rest of them by the page.
//!
//! Invariant: an item that was read ahead is handed out once, and only while it is young; that there is none is never
//! answered from here.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::item::Item;

/// So many questions that only DynamoDB could answer make a page worth a try. A page, 1 MB, costs as much as 256 single reads;
/// on the way it saves as many calls as it answers questions.
const QUESTIONS: usize = 32;

/// A further page is read if the last one answered at least one in so many questions. Of a table that is much larger than what
/// its reader is after, no more than a page is read in vain.
const ONE_IN: usize = 16;

/// For how long an item that was read ahead is as good as one that is read now. Its reader only looks: it sees the table as it
/// was a moment ago, which it would as well if it had asked a moment earlier.
const YOUNG: Duration = Duration::from_secs(30);

/// What was read ahead of one table, and whether it pays.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    items: HashMap<String, Item>,
    progress: Progress,
    /// When the first of the pages was asked for.
    since: Option<Instant>,
    /// Questions since the last page: those that it answered, and the others.
    answered: usize,
    unanswered: usize,
}

/// How far into the table pages were read.
#[derive(Debug, Default, PartialEq)]
enum Progress {
    /// Not at all.
    #[default]
    None,
    /// A page is on its way.
    Asked,
    /// Up to this key.
    UpTo(Item),
    /// To its end, or as far as it paid.
    Done,
}

/// What a question leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Known {
    /// The item.
    Item(Item),
    /// DynamoDB has to be asked.
    No,
    /// The same, and it is time to read the page after this key; from the beginning where there is none.
    NoAndPage(Option<Item>),
}

impl Ahead {
    /// Somebody asks for the item with this id.
    pub(crate) fn question(&mut self, id: &str, now: Instant) -> Known {
        if self.since.is_some_and(|since| now.duration_since(since) > YOUNG) && self.progress != Progress::Asked {
            *self = Self::default();
        }
        if let Some(item) = self.items.remove(id) {
            self.answered += 1;
            return Known::Item(item);
        }
        self.unanswered += 1;
        if self.unanswered < QUESTIONS {
            return Known::No;
        }
        let start = match &self.progress {
            Progress::None => None,
            Progress::UpTo(key) if self.answered * ONE_IN >= self.unanswered => Some(key.clone()),
            Progress::UpTo(_) => {
                self.progress = Progress::Done;
                return Known::No;
            }
            Progress::Asked | Progress::Done => return Known::No,
        };
        self.progress = Progress::Asked;
        self.since.get_or_insert(now);
        (self.answered, self.unanswered) = (0, 0);
        Known::NoAndPage(start)
    }

    /// A page has come, with the key of its last item where the table goes on.
    pub(crate) fn page(&mut self, items: impl IntoIterator<Item = (String, Item)>, last: Option<Item>) {
        self.items.extend(items);
        self.progress = last.map_or(Progress::Done, Progress::UpTo);
    }

    /// Whether a page is on its way.
    #[cfg(test)]
    pub(crate) fn is_asked(&self) -> bool {
        self.progress == Progress::Asked
    }

    /// A page could not be read: nothing is lost but its speed.
    pub(crate) fn failed(&mut self) {
        self.progress = Progress::Done;
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    fn item(id: usize) -> Item {
        HashMap::from([("Id".to_owned(), AttributeValue::N(id.to_string()))])
    }

    fn page(ids: std::ops::Range<usize>) -> impl Iterator<Item = (String, Item)> {
        ids.map(|id| (id.to_string(), item(id)))
    }

    /// Asks for these items, and for each page as it is due: what was read of a table of `size` in pages of 100. The answer is
    /// how many questions were left to DynamoDB, and how many pages were read.
    fn read(size: usize, wanted: impl Iterator<Item = usize>) -> (usize, usize) {
        let (mut ahead, now) = (Ahead::default(), Instant::now());
        let (mut asked, mut pages) = (0, 0);
        for id in wanted {
            match ahead.question(&id.to_string(), now) {
                Known::Item(found) => {
                    assert_eq!(found, item(id));
                    continue;
                }
                Known::No => {}
                Known::NoAndPage(start) => {
                    assert_eq!(start, (pages > 0).then(|| item(pages * 100)));
                    let end = (pages + 1) * 100;
                    ahead.page(page(pages * 100..end.min(size)), (end < size).then(|| item(end)));
                    pages += 1;
                }
            }
            asked += 1;
        }
        (asked, pages)
    }

    #[test]
    fn few_questions_read_nothing_ahead() {
        assert_eq!(read(1_000, 0..31), (31, 0));
    }

    #[test]
    fn many_questions_are_answered_by_pages() {
        // The last of the first 32 questions is on its way already when the page comes.
        assert_eq!(read(90, 0..90), (32, 1));
        // In no order, every page answers its share of the questions.
        let shuffled = (0..1_000).map(|n| n * 617 % 1_000);
        assert_eq!(read(1_000, shuffled), (320, 10));
    }

    #[test]
    fn of_a_table_with_little_that_is_wanted_one_page_is_read() {
        assert_eq!(read(100_000, (0..1_000).map(|n| n * 97)), (1_000, 1));
    }

    #[test]
    fn an_item_is_handed_out_once_and_young() {
        let (mut ahead, now) = (Ahead::default(), Instant::now());
        for id in 0..QUESTIONS {
            ahead.question(&id.to_string(), now);
        }
        ahead.page(page(0..100), None);
        assert_eq!(ahead.question("50", now), Known::Item(item(50)));
        assert_eq!(ahead.question("50", now), Known::No);
        assert_eq!(ahead.question("51", now + YOUNG), Known::Item(item(51)));
        assert_eq!(ahead.question("52", now + YOUNG + Duration::from_secs(1)), Known::No);
        assert_eq!(ahead.question("51", now + YOUNG), Known::No);
    }

    #[test]
    fn a_page_that_cannot_be_read_is_not_asked_for_again() {
        let (mut ahead, now) = (Ahead::default(), Instant::now());
        let mut due = 0;
        for id in 0..10 * QUESTIONS {
            if let Known::NoAndPage(_) = ahead.question(&id.to_string(), now) {
                due += 1;
                ahead.failed();
            }
        }
        assert_eq!(due, 1);
    }
}
