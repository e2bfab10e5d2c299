#!/bin/bash
# A class on The Littlest JupyterHub, on one server with a GPU. Run as root, in a clone of the kit, after TLJH's own
# installer; see book/operators/littlest.md. Safe to run again: after an update of the kit without any
# names, or with the names of those who are new.
#   deploy/hub/tljh/set-up.sh INSTRUCTOR LEARNER...      names as people log in with them
#   deploy/hub/tljh/set-up.sh --instructor NAME          one instructor more
set -euo pipefail
umask 022
course=keras account=course-keras
state=/srv/class exchange=/srv/class/exchange folder=/srv/class/courses/keras
clone=$(cd "$(dirname "$0")/../../.." && pwd)
tljh=/opt/tljh user_env=/opt/tljh/user
class=$tljh/config/jupyterhub_config.d/class.py   # the class's lists are its first two lines

[ "$(id -u)" = 0 ] || { echo "Run this as root: sudo $0" >&2; exit 2; }
[ -x "$tljh/hub/bin/jupyterhub" ] || { echo "Install The Littlest JupyterHub first (tljh.jupyter.org)." >&2; exit 2; }
open_from=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)
[ "$open_from" -gt 303 ] || { echo "Any user of this server may open ports from $open_from up, and so answer in place of the Hub. Set net.ipv4.ip_unprivileged_port_start to 1024." >&2; exit 2; }
more=no
if [ "${1:-}" = --instructor ]; then
    more=yes
    shift
    [ $# = 1 ] && [ -e "$class" ] || { echo "Usage, once there is a class: $0 --instructor NAME" >&2; exit 2; }
fi
[ $# -ge 2 ] || [ -e "$class" ] || { echo "Usage: $0 INSTRUCTOR LEARNER..." >&2; exit 2; }
for name in "$@"; do
    case $name in
    *[!A-Za-z0-9._@+-]* | '') echo "'$name' cannot be a name to log in with: letters, digits and . _ @ + - only." >&2; exit 2 ;;
    esac
done
first=yes
if [ -e "$class" ]; then
    first=no
    for list in instructors learners; do
        [ "$(grep -c "^$list = \[.*\]\$" "$class")" = 1 ] ||
            { echo "$class must have one line '$list = [...]', with the whole list on it. Correct that and run this again; nothing was changed." >&2; exit 2; }
    done
fi
names() {   # the names in a list of class.py and the new ones, each once
    local list=$1 known="" all=" " name
    [ $first = yes ] || known=$(sed -n "s/^$list = \[\(.*\)\]\$/\1/p" "$class") || return
    for name in ${known//[\'\",]/ } "${@:2}"; do
        name=${name,,}   # as the Hub writes it
        [[ $all == *" $name "* ]] || all+="$name "
    done
    echo "$all"
}
quoted_each() { local name; for name in $1; do printf "'%s', " "$name"; done; }
# Nobody becomes one by mistake: whoever forgets to name the instructor first would give a learner the solutions.
known=$(names instructors)
[ $first = yes ] || [ $more = yes ] || [ $# = 0 ] || [[ $known == *" ${1,,} "* ]] ||
    { echo "'$1' is not an instructor of this class. Before the names of new learners, give that of an instructor (now:${known% }). To make '$1' an instructor: $0 --instructor $1. Nothing was changed." >&2; exit 2; }
instructors=$(names instructors "${@:1:1}")
learners=$(names learners "${@:2}")
work=$(mktemp -d)   # a name that nobody can foresee: root installs from it
trap 'rm -rf "$work"' EXIT

echo "1. Packages"
chmod go-rwx "$clone"   # the solutions are in it
apt-get install --yes --quiet bubblewrap git
# The wheel needs nothing installed: no second environment of 3 GB beside TLJH's.
"$user_env/bin/python" "$clone/tools/learner_bundle.py" > "$work/bundle.log"
"$user_env/bin/python" -m zipfile -e "$clone/dist/learner-bundle.zip" "$work"
# TLJH's user environment brings its own JupyterHub, which must stay as old as its Hub.
grep -v '^jupyterhub==' "$clone/deploy/hub/image/requirements.lock" > "$work/class-packages.txt"
"$user_env/bin/python" -m pip uninstall --quiet --yes autograder   # the kit's earlier name
"$user_env/bin/python" -m pip install --quiet --requirement "$work/class-packages.txt"
"$user_env/bin/python" -m pip install --quiet --no-deps --force-reinstall "$work"/learner-bundle/keras_lesson_kit-*.whl

echo "2. The course's account and folders"
id "$account" >/dev/null 2>&1 || useradd --system --user-group --home-dir "$state/home-of-course" --create-home \
    --shell /bin/bash "$account"
install -d -m 0755 "$state" "$state/courses" "$state/roles"
install -d -m 1777 "$exchange"                                             # nbgrader insists; see deploy/hub/classroom.py
install -d -o "$account" -g "$account" -m 0700 "$folder"
chown -hR "$account:$account" "$folder"
# Whatever goes into a folder of the course's account is written by that account, not by root: the account could put a
# link there, and root would write wherever it leads. The account cannot read the clone, so it gets a copy to work from.
# That copy becomes the account's when root has written all of it.
kit=$work/kit
chmod 0711 "$work"
install -d -m 0700 "$kit"
mkdir -p "$kit/data" "$kit/deploy/hub"
cp -r "$clone/solutions" "$kit"
cp -r "$clone/data/held_out" "$kit/data"
cp "$clone"/deploy/hub/*.py "$kit/deploy/hub"
chown -R "$account:$account" "$kit"
as_course() { (cd "$folder" && runuser -u "$account" -- "$@"); }
as_course "$user_env/bin/python" "$kit/deploy/hub/classroom.py" "$state" "$course"
quoted() {   # a Python string: no sign in it can end the quotes
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}
fill() {   # not by sed, to which # and & in a name would mean something
    local line
    while IFS= read -r line; do
        case $line in   # one place in a line: what was filled in is not looked at again
        *'"{course}"'*) line=${line/'"{course}"'/"$(quoted "$course")"} ;;
        *'"{exchange}"'*) line=${line/'"{exchange}"'/"$(quoted "$exchange")"} ;;
        esac
        printf '%s\n' "$line"
    done < "$1"
}
cp -rT "$clone/deploy/hub/roles" "$state/roles"
install -D -m 0644 "$clone/deploy/hub/roles/ipython_kernel_config.py" "$user_env/etc/ipython/ipython_kernel_config.py"
for role in learner instructor; do fill "$clone/deploy/hub/nbgrader_config_user.py" > "$state/roles/$role/nbgrader_config.py"; done

echo "3. The sandbox"
install -D -m 0644 "$clone/deploy/hub/tljh/jupyterhub.service.conf" /etc/systemd/system/jupyterhub.service.d/keras-class.conf
systemctl daemon-reload
# What the Hub's service starts has less than this shell, so the sandbox is tried with that service's settings.
shown=PrivateTmp,PrivateDevices,ProtectKernelModules,ProtectKernelTunables,ReadOnlyPaths,ReadWritePaths
systemctl show jupyterhub --property=$shown > "$work/settings.txt" || true
mapfile -t settings < "$work/settings.txt"
as_the_hub=()
! command -v systemd-run > /dev/null ||
    as_the_hub=(systemd-run --pipe --wait --quiet --collect --working-directory="$state" "${settings[@]/#/--property=}" --)
works() { (cd "$state" && "${as_the_hub[@]}" runuser -u "$account" -- "$user_env/bin/python" -m autograder doctor) > "$work/doctor.txt" 2>&1 || true
    grep -q 'ok .*sandbox: bubblewrap works' "$work/doctor.txt"; }
restriction=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
if [ -e /etc/sysctl.d/60-class.conf ]; then   # an earlier version of this script lifted the restriction for every program
    rm /etc/sysctl.d/60-class.conf
    [ ! -e $restriction ] || echo 1 > $restriction
fi
if ! works && [ "$(cat $restriction 2>/dev/null)" = 1 ]; then
    install -m 0644 "$clone/deploy/hub/tljh/bwrap.apparmor" /etc/apparmor.d/keras-class-bwrap
    apparmor_parser --replace /etc/apparmor.d/keras-class-bwrap || echo "AppArmor does not take the profile for bubblewrap." >&2
    works || true
fi
grep 'sandbox:' "$work/doctor.txt" || tail -n 1 "$work/doctor.txt"

echo "4. The exercises"
status=0
# The course has to know who is who before the Hub takes anything in.
read -ra users <<< "$learners"
read -ra tutors <<< "$instructors"
as_course env PATH="$user_env/bin:$PATH" "$user_env/bin/python" -m autograder.jupyter.prepare --littlest "$folder" \
    "${users[@]}" --instructors "${tutors[@]}" || status=$?
[ $status != 2 ] || echo "Learners get no new version of the exercises named above, and keep the one they have."
[ $status = 0 ] || [ $status = 2 ] || exit $status

echo "5. The Hub"
install -d -m 0700 "$state/hub"   # the key of what the Hub keeps about people
install -m 0644 "$clone/deploy/hub/course_lti.py" "$state/hub/course_lti.py"
if [ -e "$state/lti/platform.json" ]; then   # entered from an LMS: the Hub has an environment of its own
    grep '^jupyterhub-ltiauthenticator==' "$work/class-packages.txt" > "$work/lti.txt"
    "$tljh/hub/bin/python" -m pip install --quiet --requirement "$work/lti.txt"
fi
if [ $first = yes ]; then   # later they are the operator's
    tljh-config set limits.memory 3G
    tljh-config set limits.cpu 2
    tljh-config set services.cull.timeout 3600
fi
{
    echo "instructors = [$(quoted_each "$instructors")]"
    echo "learners = [$(quoted_each "$learners")]"
    cat "$clone/deploy/hub/exact_groups.py" "$clone/deploy/hub/tljh/class_config.py"
} > "$work/class.py"
install -m 0644 "$work/class.py" "$class"
tljh-config reload
echo "Instructors: $instructors"
echo "Learners: $learners"
echo "Done. The instructor's page: /services/$course/autograder/"
