"""The program on a machine that makes pictures: takes orders, drives a backend, keeps results until fetched."""
