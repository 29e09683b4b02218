//! Which products people buy: Zipf's law, a few bestsellers and a long tail.

/// Products ranked by popularity; rank `k` is picked with weight `1 / (k+1)^s`.
#[derive(Clone, Debug)]
pub struct Popularity {
    /// Chance of this rank or a more popular one.
    cumulative: Vec<f64>,
}

impl Popularity {
    /// Popularity of `products` ranks; exponent 0 is uniform, 1 the classic law.
    pub fn zipf(products: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=products.max(1)).map(|rank| f64::from(rank).powf(-exponent));
        let mut cumulative: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|chance| *chance /= sum);
        Self { cumulative }
    }

    /// The rank for a number in `[0, 1)`.
    pub fn rank(&self, unit: f64) -> u32 {
        let rank = self.cumulative.partition_point(|&chance| chance <= unit);
        // Rounding may leave the last chance a hair below 1.
        rank.min(self.cumulative.len() - 1) as u32
    }

    /// How many ranks there are.
    pub fn products(&self) -> u32 {
        self.cumulative.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_chances_follow_the_law() {
        // Weights 1, 1/2, 1/3, 1/4: together 25/12.
        let popularity = Popularity::zipf(4, 1.0);
        let units = (0..2500).map(|n| (f64::from(n) + 0.5) / 2500.0);
        let count = |rank| units.clone().filter(|unit| popularity.rank(*unit) == rank).count();
        assert_eq!([count(0), count(1), count(2), count(3)], [1200, 600, 400, 300]);
        assert_eq!(popularity.rank(0.999_999_999), 3);
    }

    #[test]
    fn exponent_zero_is_uniform() {
        let popularity = Popularity::zipf(4, 0.0);
        assert_eq!([0.0, 0.25, 0.5, 0.75].map(|unit| popularity.rank(unit)), [0, 1, 2, 3]);
    }
}
