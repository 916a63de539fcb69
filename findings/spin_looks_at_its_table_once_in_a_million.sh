#!/bin/sh
# Spin 6.5.2 (Debian 12, spin 6.5.2+dfsg-1): the table of states grows once in a million states, fourfold.
#
# Guess, written down before: a verifier that begins with a small hash table (`pan -w12`) makes it larger
# whenever it has become too full, so that the beginning matters little; whoever checks many small models
# can begin with few slots, since the default sets aside 128 MiB for each.
#
# Seen: below a million states the table keeps the size that it began with, and nothing is said: 230,764
# states in 4,096 slots.  Growth is asked for only where a line of progress may be printed, at each
# million (`freq` in pan.c).  A model of 1,103,440 states makes its table of 4,096 slots larger once, to 16,384.
# So what a search begins with must fit the model: slots for as many states as there may be below a million.
#
# Needs apt-get with Debian 12's packages, and gcc.  Exits with 0 when it is still so, 1 when it is not, 77 when it
# can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
command -v gcc >/dev/null || { echo "no gcc"; exit 77; }
apt-get download spin=6.5.2+dfsg-1 >/dev/null 2>&1 && dpkg -x spin_*.deb . \
	|| { echo "spin 6.5.2+dfsg-1 is not to be had"; exit 77; }

told() { # values of each of three counters: states, and the sizes to which the table grew
	cat >model.pml <<P
byte a, b, c;
active proctype p() { do :: atomic { a < $1 - 1 -> a++ } :: atomic { a == $1 - 1 -> break } od }
active proctype q() { do :: atomic { b < $1 - 1 -> b++ } :: atomic { b == $1 - 1 -> break } od }
active proctype r() { do :: atomic { c < $1 - 1 -> c++ } :: atomic { c == $1 - 1 -> break } od }
P
	./usr/bin/spin -a model.pml
	gcc -O1 -w -DSAFETY -DNOREDUCE -o pan pan.c
	./pan -n -m1000000 -w12 >out
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
	grew=$(sed -n 's/.*resizing hashtable to -w\([0-9]*\).*/\1/p' out | tr '\n' ' ')
}

./usr/bin/spin -V
told 60
echo "$states states from -w12: grew to '$grew'"
small=$states:$grew
told 102
echo "$states states from -w12: grew to '$grew'"
[ "$small" = 230764: ] && [ "$states:$grew" = "1103440:14 " ]
