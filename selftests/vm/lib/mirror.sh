# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Find the Debian mirror that this machine uses, and make apt source lines for
# any suite of it.

# apt_sources: release and base URI of each Debian source that apt has here.
apt_sources() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian'
}

find_mirrors() {
	mirror=$(apt_sources | awk '$1 !~ /-security$/ { print $2; exit }')
	mirror_security=$(apt_sources | awk '$1 ~ /-security$/ { print $2; exit }')
	[ -n "$mirror" ] ||
		die "apt knows no Debian mirror on this machine"
	: "${mirror_security:=${mirror%/}-security/}"
}

# root_sources ROOT: apt source lines for a root. Sources are those of libfuse's
# examples, which come in no binary package.
root_sources() {
	echo "deb $mirror $1 main"
	echo "deb-src $mirror $1 main"
	case $1 in
	sid) ;;
	trixie)
		echo "deb $mirror_security $1-security main"
		echo "deb $mirror $1-backports main" ;;
	*)
		echo "deb $mirror_security $1-security main" ;;
	esac
}

# The settings of the machine's own apt that decide whether its mirror can be
# reached and believed, as options for mmdebstrap.
apt_settings() {
	apt-config dump |
	grep -E '^Acquire::(http|https|Retries|Check-(Valid-Until|Date))[^ ]* ".+";' |
	sed 's/^/--aptopt=/'
}
