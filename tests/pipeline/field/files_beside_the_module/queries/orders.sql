SELECT * FROM orders WHERE at > :at
