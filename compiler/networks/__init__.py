"""From a network to a scheduled one, pass by pass: sound, timed, proved."""
