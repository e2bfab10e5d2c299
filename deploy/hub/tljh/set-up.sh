#!/bin/bash
# A class on The Littlest JupyterHub, on one server with a GPU. Run as root, in a clone of the kit, after TLJH's own
# installer; see book/operators/littlest.md. Safe to run again.
#   deploy/hub/tljh/set-up.sh INSTRUCTOR LEARNER...      names as people log in with them
set -euo pipefail
course=keras account=course-keras
state=/srv/class exchange=/srv/class/exchange folder=/srv/class/courses/keras
clone=$(cd "$(dirname "$0")/../../.." && pwd)
tljh=/opt/tljh user_env=/opt/tljh/user

[ "$(id -u)" = 0 ] || { echo "Run this as root: sudo $0" >&2; exit 2; }
[ -x "$tljh/hub/bin/jupyterhub" ] || { echo "Install The Littlest JupyterHub first (tljh.jupyter.org)." >&2; exit 2; }
[ $# -ge 2 ] || { echo "Usage: $0 INSTRUCTOR LEARNER..." >&2; exit 2; }
for name in "$@"; do
    case $name in
    *[!A-Za-z0-9._@+-]* | '') echo "'$name' cannot be a name to log in with: letters, digits and . _ @ + - only." >&2; exit 2 ;;
    esac
done
instructor=$1; shift
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
install -d -o "$account" -g "$account" -m 0700 "$folder" "$folder/source" "$folder/held_out"
install -d -o "$account" -g "$account" -m 0755 "$exchange/$course" "$exchange/$course/outbound"
install -d -o "$account" -g "$account" -m 1733 "$exchange/$course/inbound"
install -d -o "$account" -g "$account" -m 0711 "$exchange/$course/feedback"
for exercise in "$clone"/solutions/*/; do
    name=$(basename "$exercise")
    [ -e "$folder/source/$name" ] || cp -r "$exercise" "$folder/source/$name"
done
cp -n "$clone"/data/held_out/*.npz "$folder/held_out/"
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
        *'"{root}"'*) line=${line/'"{root}"'/"$(quoted "$folder")"} ;;
        esac
        printf '%s\n' "$line"
    done < "$1"
}
fill "$clone/deploy/hub/nbgrader_config_course.py" > "$work/nbgrader_config.py"
mv -T "$work/nbgrader_config.py" "$folder/nbgrader_config.py"   # in the place of a link, never through one
chown -hR "$account:$account" "$folder"
cp -rT "$clone/deploy/hub/roles" "$state/roles"
install -D -m 0644 "$clone/deploy/hub/roles/ipython_kernel_config.py" "$user_env/etc/ipython/ipython_kernel_config.py"
for role in learner instructor; do fill "$clone/deploy/hub/nbgrader_config_user.py" > "$state/roles/$role/nbgrader_config.py"; done

echo "3. The sandbox"
works() { (cd "$state" && runuser -u "$account" -- "$user_env/bin/python" -m autograder doctor) > "$work/doctor.txt" 2>&1 || true
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

echo "4. The Hub"
install -d -m 0700 "$state/hub"   # the key of what the Hub keeps about people
install -m 0644 "$clone/deploy/hub/course_lti.py" "$state/hub/course_lti.py"
if [ -e "$state/lti/platform.json" ]; then   # entered from an LMS: the Hub has an environment of its own
    grep '^jupyterhub-ltiauthenticator==' "$work/class-packages.txt" > "$work/lti.txt"
    "$tljh/hub/bin/python" -m pip install --quiet --requirement "$work/lti.txt"
fi
{
    echo "instructors = ['$instructor']"
    printf "learners = ["; printf "'%s', " "$@"; echo "]"
    cat "$clone/deploy/hub/tljh/class_config.py"
} > "$tljh/config/jupyterhub_config.d/class.py"
tljh-config set limits.memory 3G
tljh-config set limits.cpu 2
tljh-config set services.cull.timeout 3600
tljh-config reload

echo "5. The exercises"
learners=(); for name in "$@"; do learners+=("jupyter-$name"); done   # TLJH's Unix names, and so nbgrader's
(cd "$folder" && runuser -u "$account" -- env PATH="$user_env/bin:$PATH" \
    "$user_env/bin/python" -m autograder.jupyter.prepare "$folder" "${learners[@]}")
echo "Done. The instructor's page: /services/$course/autograder/"
