document.body.textContent = "Rookery";
