#!/bin/sh
# Spin 6.5.2 (Debian 12, spin 6.5.2+dfsg-1): variables that are only written are no part of the state.
#
# Guess, written down before: a global variable of a model is in Spin's state vector, so that final
# states that differ in one are two states, whatever reads it; and -DNOREDUCE counts all of them.
#
# Seen: three processes that write the order in which they came into an array make 15 states, not 41, though
# all 6 orders are different memories at the end.  `spin -a -o2` keeps such variables, and so does an assertion
# that reads one.  States counted for a model without a claim are not those of the same model with one:
# a comparison with another model checker must ask both the same question.
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

model() {
	cat <<P
byte order[3]; byte count;
active [3] proctype p() {
    atomic { order[count] = _pid + 1; count++; $1 }
}
P
}

states() { # assertion, options of spin
	model "$1" >model.pml
	shift
	./usr/bin/spin -a "$@" model.pml
	gcc -O1 -w -DSAFETY -DNOREDUCE -o pan pan.c
	./pan | sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p'
}

./usr/bin/spin -V
usual=$(states "")
kept=$(states "" -o2)
read=$(states "assert(order[0] < 4)")
echo "as it is: $usual states; with -o2: $kept; with an assertion that reads the array: $read"
[ "$usual" = 15 ] && [ "$kept" = 41 ] && [ "$read" = 41 ]
