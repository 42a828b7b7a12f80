"""What is true: the rules of programs, offers, coupons, cards and their faces. No clock, no database, no web."""
