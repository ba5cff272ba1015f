//! The decisions on simulated servers in simulated time: honest, dying, lying and stuck ones.

use super::sim::{Manner, Model, Sim};

#[test]
fn servers_share_the_work_by_their_speed() {
    // A word takes 100 ms on average. The ideal is what the servers together can do.
    for (servers, ideal, within) in [
        (vec![1.0], 12.0, 0.02),
        (vec![1.0; 2], 6.0, 0.04),
        (vec![1.0; 4], 3.0, 0.08),
        (vec![1.0; 8], 1.5, 0.08),
        (vec![1.0, 1.0, 3.0], 120.0 * 0.1 / (2.0 + 1.0 / 3.0), 0.08),
        (vec![1.0, 20.0], 120.0 * 0.1 / 1.05, 0.08),
    ] {
        let seconds = (1..=20).map(|seed| {
            let models = servers.iter().map(|slow| Model::new(1, 0.1 * slow));
            let mut sim = Sim::new(120, models.collect(), seed);
            sim.run().expect("it can be done");
            sim.seconds()
        });
        let mean = seconds.sum::<f64>() / 20.0;
        assert!(
            mean < ideal * (1.0 + within),
            "{servers:?}: {mean:.2}s, ideal {ideal:.2}s"
        );
    }
}

#[test]
fn the_output_is_the_same_however_servers_are_killed_and_started_again() {
    for seed in 1..=60 {
        let models = vec![
            Model::new(1, 0.1),
            Model::new(8, 0.3),
            Model::new(2, 0.0001),
        ];
        let mut sim = Sim::new(5_000, models, seed);
        sim.kill_every(0.05);
        sim.run().expect("it can be done");
        assert_eq!(sim.output(), sim.expected(), "seed {seed}");
    }
}

#[test]
fn liars_are_given_up_and_the_output_is_right() {
    for seed in 1..=40 {
        let liars = [Manner::Letters, Manner::Number, Manner::Unasked];
        let liars = liars.map(|manner| Model::new(4, 0.001).answering(manner));
        let mut models: Vec<_> = liars.into();
        models.push(Model::new(2, 0.002));
        models.push(Model::new(1, 0.1));
        let mut sim = Sim::new(2_000, models, seed);
        // The last of them are killed at times as well, and come back.
        sim.kill_every(0.05);
        sim.run().expect("honest ones are left");
        assert_eq!(sim.output(), sim.expected(), "seed {seed}");
        let retired = [0, 1, 2, 3, 4].map(|server| sim.is_retired(server));
        assert!(!retired[3] && !retired[4], "seed {seed}: {retired:?}");
    }
}

#[test]
fn a_list_that_is_verified_is_right_or_ends_with_the_liar_named() {
    for seed in 1..=25 {
        let honest = || vec![Model::new(2, 0.002), Model::new(8, 0.02)];
        let mut sim = Sim::new(1_000, honest(), seed).verify();
        sim.kill_every(0.05);
        sim.run().expect("both are honest");
        assert_eq!(sim.output(), sim.expected(), "seed {seed}");

        let mut models = honest();
        models.push(Model::new(4, 0.001).answering(Manner::Unreversed));
        let mut sim = Sim::new(1_000, models, seed).verify();
        let end = sim.run().expect_err("it lies about every other word");
        assert!(
            end.contains(" and ") && end.contains('2'),
            "seed {seed}: {end}"
        );
        assert!(sim.expected().starts_with(sim.output()), "seed {seed}");
    }
}

#[test]
fn while_words_are_typed_a_stuck_server_holds_nothing_back() {
    for seed in 1..=25 {
        let mut models = vec![Model::new(1, 0.005), Model::new(4, 0.01)];
        models.push(Model::new(8, 0.01).answering(Manner::Never));
        models.push(Model::new(8, 0.01).answering(Manner::Never));
        let mut sim = Sim::typed(100, 0.3, models, seed);
        sim.run().expect("two of four are enough");
        assert_eq!(sim.output(), sim.expected(), "seed {seed}");
        // Each of the two stuck ones may hold a word for a second, and its answer takes a moment.
        let lag = sim.longest_lag as f64 / 1e6;
        assert!(lag < 2.2, "seed {seed}: an answer came {lag:.2}s late");
    }
}
