"""What is given away: a wheel and an sdist, what is in them and what is not."""
